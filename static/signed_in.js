// What every page behind the sign-in does alike: it knows who is there, sends whoever is not
// signed in to sign in and back here, says what went wrong, and signs out.
//
// Such a page has `#problem` (a notice), `#try-again` in it, and `#sign-out`.

import { ApiError, get, post } from "./api.js";
import { clearNotice, messageOf, showNotice } from "./notice.js";
import { signIn } from "./return_to.js";

const problem = document.getElementById("problem");
const tryAgain = document.getElementById("try-again");
const signOut = document.getElementById("sign-out");

tryAgain.addEventListener("click", () => location.reload());
signOut.addEventListener("click", () =>
  attempt(async () => {
    await post("/api/auth/sign-out");
    location.replace("/sign-in");
  }),
);
// The back button may bring a page back as it was, after its session has ended.
addEventListener("pageshow", (event) => event.persisted && location.reload());

export async function currentSession() {
  const session = await get("/api/auth/session");
  signOut.hidden = false;
  return session;
}

// Runs one step of a page. A session that has ended may show at any of them.
export async function attempt(step) {
  clearNotice(problem);
  tryAgain.hidden = true;
  try {
    await step();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) {
      location.replace(signIn(location));
    } else {
      showNotice(problem, messageOf(error));
      tryAgain.hidden = false;
    }
  }
}
