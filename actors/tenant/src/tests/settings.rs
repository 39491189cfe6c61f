use proptest::prelude::*;

use super::*;

/// Which fields does the patch get wrong?
#[track_caller]
fn check(patch: Patch, want: &[(&str, &str)]) {
    let problems = crate::settings::problems(&patch);
    let got: Vec<_> =
        problems.iter().map(|problem| (problem.pointer.as_str(), &*problem.code)).collect();
    assert_eq!(got, want);
}

fn origins(origins: &[&str]) -> Patch {
    Patch {
        allowed_origins: Some(origins.iter().map(|&origin| origin.to_owned()).collect()),
        ..Patch::default()
    }
}

fn colours(colours: &[(&str, &str)]) -> Patch {
    let colours =
        colours.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    Patch { branding: Some(Branding { colours, ..Branding::default() }), ..Patch::default() }
}

#[test]
fn ten_01_settings_name_each_wrong_field() {
    check(Patch::default(), &[]);
    check(Patch { name: Some("é".repeat(200)), ..Patch::default() }, &[]);
    check(Patch { name: Some("é".repeat(201)), ..Patch::default() }, &[("/name", "wrong_length")]);
    check(
        Patch { name: Some("a\0b".to_owned()), ..Patch::default() },
        &[("/name", "control_character")],
    );
    for (domain, fits) in [
        ("", true),
        ("shop.example", true),
        ("Shop.example", false),
        ("localhost", false),
        ("-a.example", false),
        ("a..b", false),
        ("a.b/c", false),
    ] {
        let problems: &[_] = if fits { &[] } else { &[("/domain", "not_a_host_name")] };
        check(Patch { domain: Some(domain.to_owned()), ..Patch::default() }, problems);
    }
    for (minutes, fits) in [(0, false), (1, true), (1_440, true), (1_441, false)] {
        let problems: &[_] = if fits { &[] } else { &[("/session_idle_minutes", "out_of_range")] };
        check(Patch { session_idle_minutes: Some(minutes), ..Patch::default() }, problems);
    }
    for (zone, fits) in [
        ("UTC", true),
        ("Europe/Berlin", true),
        ("America/Argentina/Buenos_Aires", true),
        ("Etc/GMT+1", true),
        ("", false),
        ("Europe/", false),
        ("../etc/passwd", false),
    ] {
        let problems: &[_] = if fits { &[] } else { &[("/time_zone", "not_a_time_zone")] };
        check(Patch { time_zone: Some(zone.to_owned()), ..Patch::default() }, problems);
    }
}

#[test]
fn ten_05_branding_is_validated() {
    let logo = |url: &str| Patch {
        branding: Some(Branding { logo_url: url.to_owned(), ..Branding::default() }),
        ..Patch::default()
    };
    check(logo("https://cdn.example/logo.png"), &[]);
    check(logo("http://cdn.example/logo.png"), &[("/branding/logo_url", "not_an_https_url")]);
    check(logo("https://cdn.example/\" onerror="), &[("/branding/logo_url", "not_an_https_url")]);
    check(logo("javascript:alert(1)"), &[("/branding/logo_url", "not_an_https_url")]);
    check(colours(&[("primary", "#0a7Bff")]), &[]);
    check(colours(&[("primary", "0a7Bff")]), &[("/branding/colours/primary", "not_a_colour")]);
    check(colours(&[("a/b~", "#000000")]), &[("/branding/colours/a~1b~0", "not_a_name")]);
}

#[test]
fn api_08_origins_are_exact_or_a_domain() {
    check(origins(&["https://shop.example", "http://localhost:3000", "*.shop.example"]), &[]);
    check(
        origins(&["shop.example", "https://shop.example/", "*.com", "*", "null", "https://a:0"]),
        &[0, 1, 2, 3, 4, 5]
            .map(|n| {
                [
                    "/allowed_origins/0",
                    "/allowed_origins/1",
                    "/allowed_origins/2",
                    "/allowed_origins/3",
                    "/allowed_origins/4",
                    "/allowed_origins/5",
                ][n]
            })
            .map(|pointer| (pointer, "not_an_origin")),
    );
    let mut settings = Settings::default();
    settings.apply(&origins(&["https://shop.example", "http://localhost:3000", "*.acme.example"]));
    for (origin, allowed) in [
        ("https://shop.example", true),
        ("https://shop.example:443", true),
        ("https://shop.example:444", false),
        ("http://shop.example", false),
        ("https://www.shop.example", false),
        ("http://localhost:3000", true),
        ("http://localhost", false),
        ("https://www.acme.example", true),
        ("https://a.b.acme.example:8443", true),
        ("http://www.acme.example", false),
        ("https://acme.example", false),
        ("https://.acme.example", false),
        ("https://evilacme.example", false),
        ("https://acme.example.evil.example", false),
        ("null", false),
        ("", false),
    ] {
        assert_eq!(settings.allows_origin(origin), allowed, "{origin}");
    }
}

#[test]
fn addresses_of_endpoints() {
    for (url, fits) in [
        ("https://hooks.example", true),
        ("https://Hooks.example/a?b=c", true),
        ("http://127.0.0.1:9000/x", true),
        ("http://[::1]:9000/x", true),
        ("http://[::1", false),
        ("http://[zz]/", false),
        ("https://user:pw@hooks.example", false),
        ("https://hooks.example/#x", false),
        ("https://hooks.example/ x", false),
        ("https://hooks.example:70000/", false),
        ("https://", false),
        ("ftp://hooks.example", false),
        ("hooks.example", false),
    ] {
        assert_eq!(crate::settings::is_url(url), fits, "{url}");
    }
}

#[test]
fn secrets_of_endpoints() {
    for (secret, fits) in [
        (WHSEC, true),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", false),
        ("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", false),
        ("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==", true),
        ("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB==", false),
        ("whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", false),
        ("whsec_!!!!9r8GKYqrTwjUPD8ILPZIo2LaLaSw", false),
        ("", false),
    ] {
        assert_eq!(crate::webhook::is_secret(secret), fits, "{secret}");
    }
}

fn any_patch() -> impl Strategy<Value = Patch> {
    let text =
        || proptest::option::of(prop_oneof![any::<String>(), "[a-z]{1,8}(\\.[a-z]{1,8}){0,2}"]);
    let origin = prop_oneof![any::<String>(), "(https?://|\\*\\.)[a-z.]{1,12}(:[0-9]{1,5})?"];
    let branding = (any::<String>(), "(https://)?[a-z./\"]{0,20}", "#?[0-9a-g]{5,7}").prop_map(
        |(display_name, logo_url, colour)| Branding {
            display_name,
            logo_url,
            colours: [("primary".to_owned(), colour)].into(),
        },
    );
    (
        text(),
        text(),
        proptest::option::of(branding),
        proptest::option::of(proptest::collection::vec(origin, 0..3)),
        proptest::option::of(0_u32..2_000),
        text(),
    )
        .prop_map(
            |(name, domain, branding, allowed_origins, session_idle_minutes, time_zone)| Patch {
                name,
                domain,
                branding,
                allowed_origins,
                session_idle_minutes,
                time_zone,
            },
        )
}

/// The settings as one patch, so that they can be validated as a whole.
fn as_patch(settings: &Settings) -> Patch {
    let settings = settings.clone();
    Patch {
        name: Some(settings.name),
        domain: Some(settings.domain),
        branding: Some(settings.branding),
        allowed_origins: Some(settings.allowed_origins),
        session_idle_minutes: Some(settings.session_idle_minutes),
        time_zone: Some(settings.time_zone),
    }
}

proptest! {
    /// T3: whatever is asked for, the settings stay valid, and a refusal names a field.
    #[test]
    fn settings_are_always_valid(patches in proptest::collection::vec(any_patch(), 1..8)) {
        let mut story = Story::told([onboard(Plan::Free)]);
        for patch in patches {
            match story.try_tell(Command::Update { patch }) {
                Ok(_) => {}
                Err(Rejection::Invalid { problems, .. }) => {
                    prop_assert!(problems.iter().all(|problem| problem.pointer.starts_with('/')));
                    prop_assert!(!problems.is_empty());
                }
                Err(other) => prop_assert!(false, "{other}"),
            }
            prop_assert_eq!(crate::settings::problems(&as_patch(story.state.settings())), vec![]);
        }
    }

    #[test]
    fn no_origin_or_address_panics(text: String) {
        let mut settings = Settings::default();
        settings.apply(&origins(&["https://shop.example", "*.acme.example"]));
        prop_assert!(!settings.allows_origin(&text));
        let _ = crate::settings::is_url(&text);
        let _ = crate::webhook::is_secret(&text);
        let _ = crate::webhook::is_secret(&format!("whsec_{text}"));
    }
}
