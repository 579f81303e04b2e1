//! What people's programs write, one mail a test.

use super::{Split, split};

fn parts(body: &str) -> (String, String) {
    let Split { text, quoted } = split(body);
    (text, quoted.unwrap_or_default())
}

#[test]
fn a_mail_without_history_is_text() {
    let body = "Hello,\n\nwhere is my parcel?\n\nAda";
    assert_eq!(parts(body), (body.to_owned(), String::new()));
    assert_eq!(split("").quoted, None);
}

#[test]
fn an_attribution_and_what_it_quotes_are_history() {
    let (text, quoted) = parts("Yes.\n\nOn 3 Mar 2026, at 09:00, Support wrote:\n\n> Is it blue?\n");
    assert_eq!(text, "Yes.");
    assert_eq!(quoted, "On 3 Mar 2026, at 09:00, Support wrote:\n\n> Is it blue?");
}

#[test]
fn attributions_are_known_in_many_languages() {
    for attribution in [
        "On Mon, Mar 2, 2026 at 9:00 AM Support <help@example.com> wrote:",
        "Am 02.03.2026 um 09:00 schrieb Support <help@example.com>:",
        "Le lun. 2 mars 2026 à 09:00, Support <help@example.com> a écrit :",
        "El lun, 2 mar 2026 a las 9:00, Support (<help@example.com>) escribió:",
        "Il giorno lun 2 mar 2026 alle ore 09:00 Support <help@example.com> ha scritto:",
        "Em seg., 2 de mar. de 2026 às 09:00, Support <help@example.com> escreveu:",
        "Op ma 2 mrt. 2026 om 09:00 schreef Support <help@example.com>:",
        "Den mån 2 mars 2026 kl 09:00 skrev Support <help@example.com>:",
        "W dniu 2.03.2026 o 09:00, Support pisze, napisał(a):",
        "02.03.2026 09:00 пользователь \"Support\" <help@example.com> написал:",
        "2026年3月2日(月) 9:00 Support <help@example.com>のメッセージ:",
        "Support <help@example.com> 于2026年3月2日周一 09:00写道：",
        "Support wrote:",
    ] {
        let (text, quoted) = parts(&format!("Thanks!\n\n{attribution}\n> Hello\n"));
        assert_eq!(text, "Thanks!", "{attribution}");
        assert!(quoted.starts_with(attribution), "{attribution}");
    }
}

#[test]
fn an_attribution_may_be_broken_over_lines() {
    let (text, _) = parts(
        "Fine.\n\nOn Mon, Mar 2, 2026 at 9:00 AM Support Team of Example\n\
         <a-very-long-address@help.example.com>\nwrote:\n\n> Hello\n",
    );
    assert_eq!(text, "Fine.");
}

#[test]
fn an_attribution_without_quotes_hides_the_rest() {
    let (text, _) = parts("Fine.\n\nOn 3 Mar 2026, at 09:00, Support wrote:\n\nHello Ada,\nall well?");
    assert_eq!(text, "Fine.");
}

#[test]
fn separators_hide_the_rest() {
    for separator in [
        "-----Original Message-----",
        "----- Original Message -----",
        "-----Ursprüngliche Nachricht-----",
        "-------- Message d'origine --------",
        "________________________________\nFrom: Help <help@example.com>\nSent: Monday\nTo: Ada\nSubject: Tea",
        "From: Help <help@example.com>\nSent: Monday, March 2, 2026 9:00 AM\nTo: Ada\nSubject: Tea",
        "*Von:* Help <help@example.com>\n*Gesendet:* Montag, 2. März 2026\n*An:* Ada\n*Betreff:* Tee",
        "De : Help <help@example.com>\nEnvoyé : lundi 2 mars 2026\nÀ : Ada\nObjet : Thé",
        "发件人: Help <help@example.com>\n发送时间: 2026年3月2日\n主题: 茶",
    ] {
        let (text, quoted) = parts(&format!("See below.\n\n{separator}\n\nHello Ada\n"));
        assert_eq!(text, "See below.", "{separator}");
        assert!(quoted.starts_with(separator), "{separator}");
    }
}

#[test]
fn a_sentence_with_a_colon_is_no_separator() {
    let body = "From: the box I got only two parts\n\nTo: whom it may concern, please send the rest";
    assert_eq!(parts(body).1, "");
    let body = "On Monday she wrote: come on Tuesday.\nI did.";
    assert_eq!(parts(body).1, "");
}

#[test]
fn quotes_at_the_end_are_history_even_unannounced() {
    assert_eq!(parts("Hello\n> before\n>\n> that").0, "Hello");
}

#[test]
fn an_answer_below_the_quote_is_the_text() {
    let (text, quoted) = parts("On 3 Mar 2026, at 09:00, Support wrote:\n> Is it blue?\n\nYes, it is.");
    assert_eq!(text, "Yes, it is.");
    assert!(quoted.contains("Is it blue?"));
}

#[test]
fn answers_between_quotes_stay_with_them() {
    let body = "Hi,\n\n> Is it blue?\nYes.\n> Is it big?\nNo.";
    assert_eq!(parts(body), (body.to_owned(), String::new()));
}

#[test]
fn nothing_but_a_quote_is_the_text() {
    let body = "> Hello\n> there";
    assert_eq!(parts(body), (body.to_owned(), String::new()));
}

#[test]
fn what_is_forwarded_is_text() {
    let body = "Please look at this.\n\n---------- Forwarded message ---------\n\
                From: Bob <bob@example.org>\nDate: Mon, 2 Mar 2026\nSubject: Tea\nTo: Ada\n\nIt leaks.";
    assert_eq!(parts(body), (body.to_owned(), String::new()));
}

#[test]
fn a_signature_is_no_text() {
    assert_eq!(
        parts("Hello\n\n-- \nAda Example\nExample Ltd\n"),
        ("Hello".to_owned(), "-- \nAda Example\nExample Ltd".replace("-- ", "--"))
    );
    assert_eq!(parts("Hello\n--\nAda").0, "Hello");
    assert_eq!(parts("Hello\n\nSent from my iPhone").0, "Hello");
    assert_eq!(parts("Hallo\n\nVon meinem iPhone gesendet").0, "Hallo");
}

#[test]
fn signature_and_history_are_both_set_apart() {
    let (text, quoted) = parts("Hello\n\nSent from my iPhone\n\nOn 3 Mar 2026, Bob wrote:\n> Hi");
    assert_eq!(text, "Hello");
    assert_eq!(quoted, "Sent from my iPhone\n\nOn 3 Mar 2026, Bob wrote:\n> Hi");
}

#[test]
fn a_line_of_dashes_high_up_is_no_signature() {
    let list = (0..20).map(|number| format!("line {number}\n")).collect::<String>();
    let body = format!("Shopping\n--\n{list}");
    assert_eq!(parts(&body).1, "");
}

#[test]
fn a_text_that_is_too_long_to_be_an_answer_stays_whole() {
    let body = format!("{}> quoted\n", "One line of a long document.\n".repeat(20_000));
    let split = split(&body);
    assert_eq!((split.text, split.quoted), (body, None));
}
