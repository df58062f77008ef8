//! `log`: 10,000 lines of a web server's log.

use super::{Random, borrowed, everywhere};

const COUNT: usize = 10_000;

everywhere! {
    #[repr(C)]
    pub(crate) struct Address {
        pub(crate) x0: u8,
        pub(crate) x1: u8,
        pub(crate) x2: u8,
        pub(crate) x3: u8,
    }

    pub(crate) struct Log {
        pub(crate) address: Address,
        #[bare(max = 16)]
        pub(crate) identity: String,
        #[bare(max = 32)]
        pub(crate) userid: String,
        #[bare(max = 64)]
        pub(crate) date: String,
        #[bare(max = 128)]
        pub(crate) request: String,
        pub(crate) code: u16,
        pub(crate) size: u64,
    }

    pub(crate) struct Logs {
        pub(crate) logs: Vec<Log>,
    }
}

borrowed! {
    pub(crate) struct LogRef<'a> {
        pub(crate) address: Address,
        pub(crate) identity: &'a str,
        pub(crate) userid: &'a str,
        pub(crate) date: &'a str,
        pub(crate) request: &'a str,
        pub(crate) code: u16,
        pub(crate) size: u64,
    }

    pub(crate) struct LogsRef<'a> {
        #[serde(borrow)]
        pub(crate) logs: Vec<LogRef<'a>>,
    }
}

/// As serde-zap's authors advise for long lists.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct ZapLogs {
    #[serde(with = "serde_zap::full_vec")]
    pub(crate) logs: Vec<Log>,
}

/// What the words of a log are taken from.
struct Words {
    users: &'static [&'static str],
    routes: &'static [&'static str],
    months: &'static [&'static str],
}

const ASCII: Words = Words {
    users: &["-", "alice", "bob", "carmen", "david", "eric", "frank", "george", "harry"],
    routes: &[
        "/favicon.ico",
        "/css/main.css",
        "/css/icons-all.min.css",
        "/img/logo-large.svg",
        "/img/front.jpg",
        "/api/session",
        "/api/session/end",
    ],
    months: &["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
};

/// Scripts of two, three and four octets a letter.
const UNICODE: Words = Words {
    users: &["–", "Zoë", "Łukasz", "Σοφία", "Наташа", "さくら", "王小明", "नेहा", "🦀ferris"],
    routes: &[
        "/über-uns",
        "/ürünler/kategori",
        "/статьи/главная",
        "/検索/結果",
        "/图片/首页.svg",
        "/αναζήτηση",
        "/🖼/front.jpg",
    ],
    months: &["янв", "фев", "мар", "апр", "май", "июн", "июл", "авг", "сен", "окт", "ноя", "дек"],
};

const CODES: [u16; 12] = [200, 201, 204, 206, 301, 302, 304, 400, 403, 404, 500, 503];

/// Lines in ASCII.
pub(crate) fn ascii() -> Logs {
    logs(&ASCII)
}

/// The same with text of other scripts.
pub(crate) fn unicode() -> Logs {
    logs(&UNICODE)
}

fn logs(words: &Words) -> Logs {
    let mut random = Random::new(1);
    Logs { logs: (0..COUNT).map(|_| log(&mut random, words)).collect() }
}

fn log(random: &mut Random, words: &Words) -> Log {
    let [x0, x1, x2, x3, ..] = random.next().to_le_bytes();
    let date = format!(
        "{}/{}/{}:{}:{}:{} {}{:02}00",
        random.range(1..29),
        random.one_of(words.months),
        random.range(1970..2026),
        random.range(0..24),
        random.range(0..60),
        random.range(0..60),
        random.one_of(&["+", "-"]),
        random.range(0..13),
    );
    let method = random.text(&["GET", "POST", "PUT", "UPDATE", "DELETE"]);
    let route = random.text(words.routes);
    let protocol = random.text(&["HTTP/1.0", "HTTP/1.1", "HTTP/2", "HTTP/3"]);
    Log {
        address: Address { x0, x1, x2, x3 },
        identity: "-".to_owned(),
        userid: random.text(words.users),
        date,
        request: format!("{method} {route} {protocol}"),
        code: *random.one_of(&CODES),
        size: random.range(0..100_000_000) as u64,
    }
}
