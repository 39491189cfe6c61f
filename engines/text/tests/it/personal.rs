//! Personal data and secrets are taken out, and nothing else.

use impresario_text::personal::redact;

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(redact(text).text, expected);
}

#[test]
fn what_is_personal_is_replaced_by_its_kind() {
    check("mail anna.b+x@mail.example.co.uk, please", "mail [email], please");
    check("call +49 (0)171 123-4567 / 0171 1234567.", "call [phone] / [phone].");
    check("call 555-123-4567 or (555) 123-4567", "call [phone] or [phone]");
    check("card 4111 1111 1111 1111 exp 12/27", "card [card] exp 12/27");
    check("IBAN DE89 3704 0044 0532 0130 00 please", "IBAN [iban] please");
    check("my password is hunter2! thanks", "my password is [secret]! thanks");
    check("key sk-abc123def456ghi789jkl012", "key [secret]");
    check("imp_sk_01hqxyz1234567890abcdefgh_ABCDEFGH234567", "[secret]");
    check("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", "[secret]");
}

#[test]
fn what_is_not_personal_stays() {
    for text in [
        "order 4111111111111112 id 1234567890 on 2024-01-15 at 12:30, $1,234,567.89",
        "tracking 1Z999AA10123456784 ip 192.168.1.100 v1.2.3",
        "0.123456789 and 1.234.567.890",
        "my password is wrong",
        "DE89 3704 0044 0532 0130 02 has a wrong checksum",
        "see https://example.com/a/b?c=d @anna",
        "550e8400-e29b-41d4-a716-446655440000",
    ] {
        check(text, text);
    }
}
