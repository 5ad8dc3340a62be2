//! A handler that does nothing, in a process of its own: this same program, started with a port in its environment.

use std::process::{Child, Command};

use actix_web::{App, HttpResponse, HttpServer, web};

/// The environment variable that makes this program the bare server.
pub const PORT: &str = "CLAVIGER_BENCH_BARE_PORT";

/// How many workers it has.
const WORKERS: &str = "CLAVIGER_BENCH_BARE_WORKERS";

/// Serves until it is killed.
pub fn serve(port: &str) {
    let port: u16 = port.parse().expect("a port");
    let workers = std::env::var(WORKERS).ok().and_then(|number| number.parse().ok()).unwrap_or(1);
    actix_web::rt::System::new()
        .block_on(async move {
            HttpServer::new(|| App::new().route("/bare", web::get().to(|| async { HttpResponse::Ok().finish() })))
                .workers(workers)
                .bind(("127.0.0.1", port))?
                .run()
                .await
        })
        .expect("it serves");
}

/// The bare server; killed when it goes.
pub struct Server {
    child: Child,
    pub port: u16,
}

impl Server {
    pub fn start(workers: usize) -> Server {
        let port = crate::site::free_port();
        let program = std::env::current_exe().expect("this program has a path");
        let child = Command::new(program)
            .env(PORT, port.to_string())
            .env(WORKERS, workers.to_string())
            .spawn()
            .expect("it starts");
        crate::site::wait_for(port, "/bare");
        Server { child, port }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
