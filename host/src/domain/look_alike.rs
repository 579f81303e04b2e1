//! Names that people take for one another.
//!
//! Names are strict ASCII (see [`check_name`](super::release::check_name)), so what is left are letters and
//! digits of the same look.

/// The name with all that looks alike written alike; equal for names that people confuse.
fn skeleton(name: &str) -> String {
    let alike = name.chars().filter_map(|character| match character {
        '-' => None,
        '0' => Some('o'),
        '1' | 'i' => Some('l'),
        '2' => Some('z'),
        '5' => Some('s'),
        '9' | 'q' => Some('g'),
        '6' | '8' => Some('b'),
        other => Some(other),
    });
    alike.collect::<String>().replace("rn", "m").replace("vv", "w").replace("cl", "d")
}

/// Whether two names that are not the same look so.
pub fn is_confusable(one: &str, other: &str) -> bool {
    one != other && skeleton(one) == skeleton(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_are_confusable() {
        for other in [
            "keyword-r0uter",
            "keyw0rd-router",
            "keyword--router",
            "keywordrouter",
            "key-word-router",
            "keyvvord-router",
        ] {
            assert!(is_confusable("keyword-router", other), "{other}");
        }
        for (one, other) in
            [("email", "emall"), ("email", "ema1l"), ("form-mail", "forrn-mail"), ("desk5", "desks")]
        {
            assert!(is_confusable(one, other), "{one} {other}");
        }
    }

    #[test]
    fn other_names_are_not() {
        assert!(!is_confusable("email", "email"));
        for (one, other) in
            [("email", "feed"), ("router", "router-two"), ("mail-3", "mail-4"), ("praise", "prize")]
        {
            assert!(!is_confusable(one, other), "{one} {other}");
        }
    }
}
