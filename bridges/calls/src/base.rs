use impresario_messages::Problem;

/// A problem if a base URL is not `http(s)://host[:port][/path]` without a slash at its end.
pub fn check_base_url(pointer: &str, url: &str, problems: &mut Vec<Problem>) {
    let good = host_of(url).is_some_and(|host| !host.is_empty())
        && !url.ends_with('/')
        && !url.contains(['?', '#', '@', ' ']);
    if !good {
        problems.push(Problem {
            pointer: pointer.to_owned(),
            code: "url_invalid",
            message: "write an http(s) URL without a slash at its end".to_owned(),
        });
    }
}

/// A problem if a text that is needed is empty.
pub fn missing(pointer: &str, text: &str, problems: &mut Vec<Problem>) {
    if text.trim().is_empty() {
        problems.push(Problem {
            pointer: pointer.to_owned(),
            code: "setting_missing",
            message: "this is needed for the connection".to_owned(),
        });
    }
}

/// The host and port of an http(s) URL, without user and path.
#[must_use]
pub fn host_of(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let authority = &rest[..rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len())];
    // What is before an `@` is a user, and no platform's URL has one.
    (!authority.contains('@')).then_some(authority)
}
