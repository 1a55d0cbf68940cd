//! `minisim anatomy`: every figure of the tour as a picture, for slides and lectures.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

use minisim_tour::{CHAPTERS, Chapter, Figure, chapter};
use serde_json::json;

use crate::{exit::Failure, picture::figure, talk::Talk};

/// Arguments of `minisim anatomy`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  minisim anatomy -o anatomy             all figures, and anatomy/index.html to look at them
  minisim anatomy motion sensor -o figures
  minisim studio --tour                  the same, live, with sliders")]
pub(crate) struct Args {
    /// Chapters to draw (default: all); `--list` names them.
    chapters: Vec<String>,
    /// The folder to write to; it is made if it is missing.
    #[arg(short, long, value_name = "DIR", required_unless_present = "list")]
    output: Option<PathBuf>,
    /// List the chapters and draw nothing.
    #[arg(long)]
    list: bool,
    /// Replace figures that are there.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    talk: Talk,
}

/// Runs the subcommand.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let Some(dir) = args.output.as_ref().filter(|_| !args.list) else {
        let width = CHAPTERS.iter().map(|c| c.name.len()).max().unwrap_or(0);
        let line = |c: &Chapter| format!("{:width$}  {}\n", c.name, c.title);
        let facts = || CHAPTERS.iter().map(|c| json!({ "name": c.name, "title": c.title })).collect();
        return args.talk.say(|| CHAPTERS.iter().map(line).collect(), facts);
    };
    let chosen = chosen(&args.chapters)?;
    let file = |c: &Chapter| {
        let number = CHAPTERS.iter().position(|other| other.name == c.name).unwrap_or(0) + 1;
        format!("{number:02}_{}.png", c.name)
    };
    let index = dir.join("index.html");
    for path in chosen.iter().map(|c| dir.join(file(c))).chain([index.clone()]) {
        if path.exists() && !args.force {
            return Err(Failure::Input(format!("{} exists; --force replaces it, -o writes elsewhere", path.display())));
        }
    }
    std::fs::create_dir_all(dir).map_err(|e| Failure::Run(format!("cannot make the folder {}: {e}", dir.display())))?;
    let mut page = String::from(HEAD);
    for chapter in &chosen {
        let figure = chapter.figure(&[]).map_err(Failure::input)?;
        let png = figure::draw(chapter.title, &figure).map_err(Failure::Run)?;
        minisim_io::write_file(dir.join(file(chapter)), &png, args.force).map_err(Failure::run)?;
        section(&mut page, chapter, &figure, &file(chapter));
    }
    page += "</body></html>\n";
    minisim_io::write_file(&index, page.as_bytes(), args.force).map_err(Failure::run)?;
    let pictures: Vec<PathBuf> = chosen.iter().map(|c| dir.join(file(c))).collect();
    args.talk.say(|| said(dir, &index), || json!({ "output": dir, "page": index, "pictures": pictures }))
}

fn said(dir: &Path, index: &Path) -> String {
    format!(
        "{}\n  one picture a chapter, with captions in {}\nnext: open it in a browser; `minisim studio --tour` shows the same with sliders\n",
        dir.display(),
        index.display()
    )
}

fn chosen(names: &[String]) -> Result<Vec<&'static Chapter>, Failure> {
    if names.is_empty() {
        return Ok(CHAPTERS.iter().collect());
    }
    let find = |name: &String| {
        chapter(name).ok_or_else(|| {
            let known: Vec<&str> = CHAPTERS.iter().map(|c| c.name).collect();
            Failure::Input(format!("{name:?} is no chapter; they are {}", known.join(", ")))
        })
    };
    names.iter().map(find).collect()
}

const HEAD: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width\"><title>The anatomy of a miniscope recording</title><style>\
body{font:16px/1.5 system-ui,sans-serif;color:#212529;max-width:1100px;margin:2em auto;padding:0 1em}\
h1{font-size:1.7em}h2{font-size:1.25em;margin:2.4em 0 .3em}img{max-width:100%;border:1px solid #dee2e6;border-radius:6px}\
figure{margin:1em 0}figcaption{color:#6c757d}details{margin:.6em 0}\
table{border-collapse:collapse;margin:.6em 0}td{padding:.1em 1.4em .1em 0}td:last-child{text-align:right}\
</style></head><body>\n<h1>The anatomy of a miniscope recording</h1>\n\
<p>What makes up a one-photon recording, one effect at a time. Every picture is simulated, so every number is exactly known. \
<code>minisim studio --tour</code> shows the same with sliders.</p>\n";

fn section(page: &mut String, chapter: &Chapter, figure: &Figure, file: &str) {
    let _ = write!(
        page,
        "<h2 id=\"{}\">{}</h2>\n<p>{}</p>\n<figure><img src=\"{file}\" alt=\"{}\"><figcaption>{}</figcaption></figure>\n<table>\n",
        chapter.name, chapter.title, chapter.text, figure.caption, figure.caption
    );
    for quantity in &figure.quantities {
        let _ = writeln!(page, "<tr><td>{}</td><td>{}</td></tr>", quantity.label, quantity.text());
    }
    let _ =
        writeln!(page, "</table>\n<details><summary>{}</summary><p>{}</p></details>", chapter.question, chapter.answer);
}
