// Values as people read them: times in the browser's time zone, numbers with separators.

// The pages are in English, so dates are too: in the reader's own kind of it, if they have one.
const LANGUAGE = navigator.languages.find((tag) => /^en\b/i.test(tag)) ?? "en-GB";

const exactTimes = new Intl.DateTimeFormat(LANGUAGE, {
  year: "numeric", month: "short", day: "numeric",
  hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short",
});
const timesOfDay = new Intl.DateTimeFormat(LANGUAGE, { timeStyle: "medium" });
const relativeTimes = new Intl.RelativeTimeFormat(LANGUAGE, { numeric: "auto" });
const numbers = new Intl.NumberFormat(LANGUAGE);

const UNITS = [
  ["year", 365 * 86_400],
  ["month", 30 * 86_400],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

export const exactTime = (time) => exactTimes.format(new Date(time));
export const timeOfDay = (time) => timesOfDay.format(new Date(time));
export const number = (value) => numbers.format(value);
export const capitalised = (word) => word.charAt(0).toUpperCase() + word.slice(1);

// "4 minutes ago". The clocks of server and browser may differ a little, hence no "in 2 seconds".
export function timeAgo(time, now = Date.now()) {
  const seconds = (now - new Date(time)) / 1000;
  for (const [unit, length] of UNITS) {
    if (seconds >= length) return relativeTimes.format(-Math.floor(seconds / length), unit);
  }
  return "just now";
}

// "14:32", or "1:02:03" from an hour on.
export function duration(seconds) {
  const two = (value) => String(value).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  const rest = two(seconds % 60);
  if (minutes < 60) return `${minutes}:${rest}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${rest}`;
}
