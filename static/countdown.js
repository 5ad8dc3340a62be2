// Counts down to a moment in an element of role "timer": visible every second, but not read aloud
// each time. Whoever starts it announces the beginning and the end.

import { duration } from "./format.js";

// Calls `over` at the end, unless the returned function stopped it before.
export function countDownTo(moment, element, over) {
  const timer = setInterval(show, 1000);
  show();
  return stop;

  // Reads the clock anew each time: background tabs and sleeping laptops skip ticks.
  function show() {
    const seconds = Math.ceil((moment - Date.now()) / 1000);
    if (seconds > 0) {
      element.textContent = duration(seconds);
    } else {
      stop();
      over();
    }
  }

  function stop() {
    clearInterval(timer);
    element.textContent = "";
  }
}
