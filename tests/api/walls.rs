//! The walls of the house (see the crate's documentation): imports point down only.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The floors, from the top. A module may import from those that stand after it in its own line's reach.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    ("cli", &["startup", "telemetry", "http", "services", "store", "config", "clock", "random", "role"]),
    (
        "startup",
        &["http", "jobs", "services", "mail", "webhook", "gate", "store", "crypto", "config", "clock", "random"],
    ),
    ("http", &["services", "gate", "store", "crypto", "config", "clock", "role", "error_code"]),
    ("jobs", &["services", "clock", "config"]),
    ("services", &["mail", "webhook", "gate", "store", "crypto", "config", "clock", "random", "role", "error_code"]),
    ("mail", &["config", "clock"]),
    ("webhook", &["crypto", "config"]),
    ("gate", &["store", "crypto", "config", "clock", "role", "error_code"]),
    ("store", &["crypto", "config", "clock", "role"]),
    ("crypto", &["random"]),
    ("telemetry", &["config"]),
    ("config", &["clock"]),
    ("random", &["clock"]),
    ("clock", &[]),
    ("role", &[]),
    ("error_code", &[]),
];

/// Which crates only some modules may name.
const ONLY: &[(&str, &[&str])] = &[
    ("rusqlite", &["store"]),
    ("r2d2", &["store"]),
    ("r2d2_sqlite", &["store"]),
    ("actix_web", &["http", "startup", "cli"]),
    ("bcrypt", &["crypto"]),
    ("mail_send", &["mail"]),
    ("reqwest", &["webhook"]),
    ("pulldown_cmark", &["services"]),
    ("ring", &["crypto", "random", "store"]),
    ("tokio_cron_scheduler", &["jobs", "startup"]),
];

fn sources(directory: &Path) -> Vec<PathBuf> {
    super::support::process::files_below(directory)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// The code of a file without comments, and without its tests.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let before_tests = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    before_tests.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn module_of(path: &Path, root: &Path) -> String {
    let first = path.strip_prefix(root).unwrap().components().next().unwrap();
    first.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

/// The modules of the crate that a file names: after `crate::`, one or several in braces.
fn imports(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for start in ["crate::", "claviger::"] {
        for (at, _) in code.match_indices(start) {
            let rest = &code[at + start.len()..];
            let names = match rest.strip_prefix('{') {
                Some(list) => top_level(list),
                None => vec![rest],
            };
            for name in names {
                let name: String = name.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                found.insert(name);
            }
        }
    }
    found
}

/// The entries of a list in braces, without those of lists within.
fn top_level(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut entries) = (0, 0, Vec::new());
    for (at, char) in list.char_indices() {
        match char {
            '{' => depth += 1,
            '}' if depth == 0 => {
                entries.push(&list[start..at]);
                return entries;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                entries.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    entries
}

#[test]
fn imports_point_down_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let allowed: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let mut broken = Vec::new();
    let mut seen = BTreeSet::new();
    for path in sources(&root) {
        let module = module_of(&path, &root);
        if module == "lib" {
            continue;
        }
        let may = allowed.get(module.as_str()).unwrap_or_else(|| panic!("{module} stands on no floor"));
        for import in imports(&code(&path)) {
            if allowed.contains_key(import.as_str()) {
                seen.insert((module.clone(), import.clone()));
                if import != module && !may.contains(&import.as_str()) {
                    broken.push(format!("{} imports {import}", path.strip_prefix(&root).unwrap().display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(seen.contains(&("http".into(), "services".into())), "the test sees no imports");
}

#[test]
fn the_floors_have_no_circles() {
    let order: Vec<&str> = MAY_IMPORT.iter().map(|(name, _)| *name).collect();
    for (place, (name, imports)) in MAY_IMPORT.iter().enumerate() {
        for import in *imports {
            let below = order.iter().position(|other| other == import).unwrap();
            assert!(below > place, "{name} imports {import}, which stands above it");
        }
    }
}

#[test]
fn crates_stay_in_their_rooms() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut broken = Vec::new();
    for path in sources(&root) {
        let module = module_of(&path, &root);
        let code = code(&path);
        for (name, rooms) in ONLY {
            let names_it = code.match_indices(name).any(|(at, _)| {
                code[at + name.len()..].starts_with("::")
                    && !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
            });
            if names_it && !rooms.contains(&module.as_str()) {
                broken.push(format!("{} names {name}", path.strip_prefix(&root).unwrap().display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}
