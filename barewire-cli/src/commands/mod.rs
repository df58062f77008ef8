//! What each subcommand does.

mod bench;
mod cat;
mod doctor;
mod emit;
mod import;
mod ls;
mod ps;
mod record;
mod replay;
mod rm;
mod run;
mod schema;
mod send;
mod show;
mod stop;
mod tap;
mod top;

use std::io::Write;

use crate::args::{Cli, Command, command};
use crate::failure::Outcome;
use crate::find::Place;

pub(crate) fn run(cli: Cli) -> Outcome {
    let place = Place::new(cli.dir);
    match cli.command {
        Command::Ls(format) => ls::run(&place, format.json),
        Command::Show { name, format } => show::run(&place, &name, format.json),
        Command::Cat(arguments) => cat::run(&place, &arguments),
        Command::Tap(arguments) => tap::run(&place, &arguments),
        Command::Send(arguments) => send::run(&place, &arguments),
        Command::Top(arguments) => top::run(&place, &arguments),
        Command::Run(arguments) => run::run(&place, &arguments),
        Command::Stop { name, timeout, format } => stop::run(&place, &name, timeout, format.json),
        Command::Ps(format) => ps::run(&place, format.json),
        Command::Record(arguments) => record::run(&place, &arguments),
        Command::Replay(arguments) => replay::run(&place, &arguments),
        Command::Doctor { fix, format } => doctor::run(&place, fix, format.json),
        Command::Rm { names, force } => rm::run(&place, &names, force),
        Command::Schema(what) => schema::run(&place, &what),
        Command::Emit { source, lang } => emit::run(&place, &source, lang),
        Command::Import { header, arguments, format } => {
            import::run(&header, &arguments, format.json)
        }
        Command::Bench { milliseconds, format } => bench::run(milliseconds, format.json),
        Command::BenchPeer { role, name, cpu } => bench::peer(&place, &role, &name, cpu),
        Command::Completions { shell } => {
            let mut out = Vec::new();
            clap_complete::generate(shell, &mut command(), "barewire", &mut out);
            Ok(std::io::stdout().lock().write_all(&out)?)
        }
        Command::Man => {
            let mut out = Vec::new();
            man(&mut out)?;
            Ok(std::io::stdout().lock().write_all(&out)?)
        }
    }
}

/// One page: the command, and below it each subcommand with its options.
fn man(out: &mut Vec<u8>) -> std::io::Result<()> {
    let mut whole = command();
    whole.build();
    let page = clap_mangen::Man::new(whole.clone());
    page.render_title(out)?;
    page.render_name_section(out)?;
    page.render_synopsis_section(out)?;
    page.render_description_section(out)?;
    page.render_options_section(out)?;
    let shown = |one: &&clap::Command| !one.is_hide_set() && one.get_name() != "help";
    for one in whole.get_subcommands().filter(shown) {
        let groups: Vec<_> = one.get_subcommands().filter(shown).cloned().collect();
        let pages = if groups.is_empty() { vec![one.clone()] } else { groups };
        for page in pages {
            let name = page.get_display_name().unwrap_or(page.get_name()).replace('-', " ");
            writeln!(out, ".SH \"{}\"", name.to_uppercase())?;
            let (page, mut below) = (clap_mangen::Man::new(page), Vec::new());
            page.render_description_section(&mut below)?;
            page.render_options_section(&mut below)?;
            // Its sections stand below its own.
            out.extend(String::from_utf8_lossy(&below).replace("\n.SH ", "\n.SS ").bytes());
        }
    }
    page.render_extra_section(out)?;
    page.render_version_section(out)
}
