//! Where the limits stand, as headers: `RateLimit-Policy` and `RateLimit`
//! (draft-ietf-httpapi-ratelimit-headers-10), and the older `X-RateLimit-*`.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use super::header_names;
use crate::gate::Decision;
use crate::gate::decide::Credential;
use crate::gate::rate_limit::{Standing, Standings};

/// Whole seconds, rounded up.
pub fn seconds(microseconds: u64) -> u64 {
    microseconds.div_ceil(1_000_000)
}

/// Adds the headers of every limit that applied.
pub fn add(headers: &mut HeaderMap, decision: &Decision) {
    let Standings { key, class } = decision.standings;
    let Some(tightest) = tightest(key, class) else { return };
    let class_name = decision.class.as_deref().unwrap_or("class");
    let own_name = match decision.credential {
        Credential::Share(_) => "share",
        Credential::Widget(_) => "widget",
        _ => "key",
    };
    let limits = [key.map(|standing| (own_name, standing)), class.map(|standing| (class_name, standing))];
    let mut policy = String::with_capacity(48);
    let mut state = String::with_capacity(48);
    for (name, standing) in limits.into_iter().flatten() {
        if !policy.is_empty() {
            policy.push_str(", ");
            state.push_str(", ");
        }
        policy.push('"');
        policy.push_str(name);
        policy.push_str("\";q=");
        push_number(&mut policy, u64::from(standing.limit));
        policy.push_str(";w=60");
        state.push('"');
        state.push_str(name);
        state.push_str("\";r=");
        push_number(&mut state, u64::from(standing.remaining));
        state.push_str(";t=");
        push_number(&mut state, seconds(standing.reset_us));
    }
    let mut text = |name: &HeaderName, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name.clone(), value);
        }
    };
    text(&header_names::RATE_LIMIT_POLICY, policy);
    text(&header_names::RATE_LIMIT, state);
    let mut number = |name: &HeaderName, value: u64| {
        headers.insert(name.clone(), HeaderValue::from(value));
    };
    number(&header_names::X_RATE_LIMIT_LIMIT, u64::from(tightest.limit));
    number(&header_names::X_RATE_LIMIT_REMAINING, u64::from(tightest.remaining));
    number(&header_names::X_RATE_LIMIT_RESET, seconds(tightest.reset_us));
}

fn push_number(text: &mut String, mut number: u64) {
    let mut digits = [0u8; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    text.extend(digits[start..].iter().map(|digit| char::from(*digit)));
}

/// The limit that is reached first; the longer wait where both are as near.
pub fn tightest(key: Option<Standing>, class: Option<Standing>) -> Option<Standing> {
    match (key, class) {
        (Some(key), Some(class)) => {
            let class_first =
                (class.remaining, std::cmp::Reverse(class.reset_us)) < (key.remaining, std::cmp::Reverse(key.reset_us));
            Some(if class_first { class } else { key })
        }
        (key, class) => key.or(class),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_limits_are_named_and_the_tighter_one_is_counted_down() {
        let standing = |limit, remaining, reset_us| Some(Standing { limit, remaining, reset_us });
        let decision = Decision {
            outcome: Ok(()),
            credential: Credential::Anonymous,
            standings: Standings { key: standing(60, 12, 1_500_000), class: standing(120, 3, 59_000_001) },
            class: Some("agents".into()),
            wait_us: 0,
        };
        let mut headers = HeaderMap::new();
        add(&mut headers, &decision);
        let header = |name: &str| headers.get(name).unwrap().to_str().unwrap().to_owned();
        assert_eq!(header("ratelimit-policy"), "\"key\";q=60;w=60, \"agents\";q=120;w=60");
        assert_eq!(header("ratelimit"), "\"key\";r=12;t=2, \"agents\";r=3;t=60");
        assert_eq!((header("x-ratelimit-limit"), header("x-ratelimit-remaining")), ("120".into(), "3".into()));
        assert_eq!(header("x-ratelimit-reset"), "60");
    }
}
