// This browser's other tabs share the session: they show themselves anew when somebody else is signed in, or acts in
// another organization, so that nobody acts in the wrong one.

const channel = new BroadcastChannel("session");

export const tellOtherTabs = () => channel.postMessage("changed");

// Where one is signed in no more.
export function goToSignIn() {
  tellOtherTabs();
  location.replace("/sign-in");
}

export const whenSessionChanges = (act) => channel.addEventListener("message", act);
