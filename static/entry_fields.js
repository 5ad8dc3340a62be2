// The fields that ask alike, before the sign-in and in one's account.

import { field } from "./form.js";

export const emailField = (more) =>
  field({ name: "email", label: "Email", type: "email", autocomplete: "username", required: "Enter your email address.", ...more });

export const nameField = (more) => field({ name: "name", label: "Your name", autocomplete: "name", required: "Enter your name.", ...more });

export const newPasswordField = (more) =>
  field({
    name: "password",
    label: "Password",
    type: "password",
    hint: "At least 8 characters, with an upper-case letter, a lower-case letter and a digit.",
    autocomplete: "new-password",
    required: "Choose a password.",
    ...more,
  });

export const currentPasswordField = (more) =>
  field({ name: "password", label: "Password", type: "password", autocomplete: "current-password", required: "Enter your password.", ...more });

export const sameAgainField = () =>
  field({ name: "confirmPassword", label: "The same again", type: "password", autocomplete: "new-password", required: "Enter the password once more." });
