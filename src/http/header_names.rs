//! The names of headers that the HTTP crate has no constants for, made once: to parse a name costs as much as to find it.

use actix_web::http::header::HeaderName;

macro_rules! names {
    ($($name:ident $text:literal;)*) => {
        $(#[doc = concat!("`", $text, "`")] pub static $name: HeaderName = HeaderName::from_static($text);)*
    };
}

names! {
    RATE_LIMIT "ratelimit";
    RATE_LIMIT_POLICY "ratelimit-policy";
    SEC_FETCH_SITE "sec-fetch-site";
    SEC_WEBSOCKET_KEY "sec-websocket-key";
    X_API_KEY "x-api-key";
    X_CLAVIGER_CODE "x-claviger-code";
    X_FORWARDED_FOR "x-forwarded-for";
    X_FORWARDED_HOST "x-forwarded-host";
    X_FORWARDED_METHOD "x-forwarded-method";
    X_FORWARDED_PROTO "x-forwarded-proto";
    X_FORWARDED_URI "x-forwarded-uri";
    X_ORIGINAL_METHOD "x-original-method";
    X_ORIGINAL_URI "x-original-uri";
    X_RATE_LIMIT_LIMIT "x-ratelimit-limit";
    X_RATE_LIMIT_REMAINING "x-ratelimit-remaining";
    X_RATE_LIMIT_RESET "x-ratelimit-reset";
    X_REAL_IP "x-real-ip";
    X_REQUEST_ID "x-request-id";
    X_SHARE_PASSWORD "x-share-password";
    X_SHARE_TOKEN "x-share-token";
}
