//! The one table of error codes: what each is called, which status it has, and what the public reads.
//!
//! Status numbers stand here as data because the ledger records them; nothing in this file knows HTTP beyond that.

/// Builds [`ErrorCode`] and its columns from one list, so that none can be forgotten.
macro_rules! error_codes {
    ($($variant:ident $status:literal $kind:literal $code:literal $message:literal;)*) => {
        /// What can go wrong, as clients see it (`code` in the error body).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $(#[doc = $code] $variant,)*
        }

        impl ErrorCode {
            /// Every code there is.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$variant,)*];

            /// The name in the error body: `API_KEY_INVALID`.
            pub fn as_str(self) -> &'static str {
                match self { $(ErrorCode::$variant => $code,)* }
            }

            /// The status it is answered with.
            pub fn status(self) -> u16 {
                match self { $(ErrorCode::$variant => $status,)* }
            }

            /// The family in the error body (`error`): `unauthorized`.
            pub fn kind(self) -> &'static str {
                match self { $(ErrorCode::$variant => $kind,)* }
            }

            /// What a user reads where nothing more exact is known.
            pub fn message(self) -> &'static str {
                match self { $(ErrorCode::$variant => $message,)* }
            }
        }
    };
}

error_codes! {
    ValidationFailed          400 "invalid_request" "VALIDATION_FAILED" "Some values cannot be used; see fields";
    MalformedJson             400 "invalid_request" "MALFORMED_JSON" "The body is not valid JSON";
    CredentialsAmbiguous      400 "invalid_request" "CREDENTIALS_AMBIGUOUS" "Two different credentials were presented; send one";
    CredentialsInQuery        400 "invalid_request" "CREDENTIALS_IN_QUERY" "A credential stands in the query string; send it in the Authorization header";
    TokenInvalid              400 "invalid_request" "TOKEN_INVALID" "This link is invalid, used or expired";
    PathInvalid               400 "invalid_request" "PATH_INVALID" "The path cannot be judged: it has an encoded slash, a NUL, a malformed escape, or leads out of the root";
    ForwardedRequestMissing   400 "invalid_request" "FORWARDED_REQUEST_MISSING" "The proxy passed on no X-Forwarded-Method and X-Forwarded-Uri";
    ForwardedRequestAmbiguous 400 "invalid_request" "FORWARDED_REQUEST_AMBIGUOUS" "A forwarding header was given twice, or two of them disagree";
    CredentialsMissing        401 "unauthorized" "CREDENTIALS_MISSING" "Authentication required";
    ApiKeyInvalid             401 "unauthorized" "API_KEY_INVALID" "Invalid API key";
    ApiKeyDeactivated         401 "unauthorized" "API_KEY_DEACTIVATED" "API key is deactivated";
    ApiKeyExpired             401 "unauthorized" "API_KEY_EXPIRED" "API key has expired";
    SessionInvalid            401 "unauthorized" "SESSION_INVALID" "Session is invalid or has expired";
    SignInFailed              401 "unauthorized" "SIGN_IN_FAILED" "Invalid email or password";
    ShareTokenInvalid         401 "unauthorized" "SHARE_TOKEN_INVALID" "This share is unknown, revoked or expired";
    SharePasswordRequired     401 "unauthorized" "SHARE_PASSWORD_REQUIRED" "This share needs its password";
    SharePasswordInvalid      401 "unauthorized" "SHARE_PASSWORD_INVALID" "The password of this share is wrong";
    WidgetTokenInvalid        401 "unauthorized" "WIDGET_TOKEN_INVALID" "The widget's session is invalid or has expired";
    IdentityRequired          401 "unauthorized" "IDENTITY_REQUIRED" "This widget needs to know its user, with a user hash";
    InsufficientRole          403 "forbidden" "INSUFFICIENT_ROLE" "Insufficient permissions";
    PlanNoApiAccess           403 "forbidden" "PLAN_NO_API_ACCESS" "API access is not available";
    SessionRequired           403 "forbidden" "SESSION_REQUIRED" "This endpoint requires a signed-in session";
    PlanKeyLimit              403 "forbidden" "PLAN_KEY_LIMIT" "The plan's number of API keys is used up";
    ScopeRequired             403 "forbidden" "SCOPE_REQUIRED" "The API key lacks a scope that this path needs";
    IpNotAllowed              403 "forbidden" "IP_NOT_ALLOWED" "The API key may not be used from this address";
    EnvironmentNotAllowed     403 "forbidden" "ENVIRONMENT_NOT_ALLOWED" "Keys of this environment may not be used here";
    OrganizationNotAllowed    403 "forbidden" "ORGANIZATION_NOT_ALLOWED" "This organization may not be used here";
    CredentialNotAllowed      403 "forbidden" "CREDENTIAL_NOT_ALLOWED" "A credential of this kind may not be used here";
    CsrfRejected              403 "forbidden" "CSRF_REJECTED" "The request came from another site";
    HttpsRequired             403 "forbidden" "HTTPS_REQUIRED" "HTTPS is required";
    EmailNotVerified          403 "forbidden" "EMAIL_NOT_VERIFIED" "The email address is not verified yet; open the link that was mailed to it";
    RegistrationClosed        403 "forbidden" "REGISTRATION_CLOSED" "Registration needs an invitation";
    InviteEmailMismatch       403 "forbidden" "INVITE_EMAIL_MISMATCH" "The invitation is for another address";
    LastOwner                 403 "forbidden" "LAST_OWNER" "An organization cannot be left without an owner";
    AccountDisabled           403 "forbidden" "ACCOUNT_DISABLED" "This account is disabled";
    OriginNotAllowed          403 "forbidden" "ORIGIN_NOT_ALLOWED" "This origin is not allowed";
    UserHashInvalid           403 "forbidden" "USER_HASH_INVALID" "The user hash does not fit the user id";
    GateDenied                403 "forbidden" "GATE_DENIED" "No rule lets this request pass";
    NotFound                  404 "not_found" "NOT_FOUND" "There is nothing here";
    MethodNotAllowed          405 "method_not_allowed" "METHOD_NOT_ALLOWED" "This path does not take that method";
    Timeout                   408 "timeout" "TIMEOUT" "The request took too long to arrive";
    Conflict                  409 "conflict" "CONFLICT" "The request does not fit the present state";
    Gone                      410 "gone" "GONE" "This is no longer available";
    VersionMismatch           412 "precondition_failed" "VERSION_MISMATCH" "It was changed meanwhile; read it again before changing it";
    PayloadTooLarge           413 "payload_too_large" "PAYLOAD_TOO_LARGE" "The body is too large";
    UnsupportedMediaType      415 "unsupported_media_type" "UNSUPPORTED_MEDIA_TYPE" "The body must be application/json";
    AccountLocked             423 "locked" "ACCOUNT_LOCKED" "Account is temporarily locked";
    ShareLocked               423 "locked" "SHARE_LOCKED" "This share is temporarily locked";
    VersionRequired           428 "precondition_required" "VERSION_REQUIRED" "Say in If-Match which version is changed";
    RateLimited               429 "rate_limit_exceeded" "RATE_LIMITED" "Too many requests";
    Internal                  500 "internal" "INTERNAL" "Internal error";
    LedgerUnavailable         503 "unavailable" "LEDGER_UNAVAILABLE" "The request cannot be recorded at the moment";
    Busy                      503 "unavailable" "BUSY" "The server is busy; try again shortly";
    StorageFull               503 "unavailable" "STORAGE_FULL" "The server's disk is full";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_unique_and_its_kind_fits_its_status() {
        for (index, code) in ErrorCode::ALL.iter().enumerate() {
            for other in &ErrorCode::ALL[index + 1..] {
                assert_ne!(code.as_str(), other.as_str());
                assert_eq!(code.status() == other.status(), code.kind() == other.kind(), "{code:?} and {other:?}");
            }
        }
    }
}
