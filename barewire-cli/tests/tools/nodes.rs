//! Actors and nodes of a cluster in processes of their own, and how `top` shows them.

use std::path::Path;
use std::time::Duration;

use barewire::BareSchema;
use barewire::actor::{Actor, ActorSystem, Context, Message, Nothing, Outcome};
use barewire::cluster::{Failure, Node, Role, Task};

use crate::harness::{PATIENCE, Process, Scratch, argument, ready, start_unready, until};
use crate::terminal::Terminal;

const GRIND: Task<u32, u32> = Task::new("grind");

#[derive(BareSchema)]
struct Page {
    number: u32,
}

impl Message for Page {
    type Reply = Nothing;
}

struct Printer;

impl Actor for Printer {
    type Message = Page;

    async fn handle(&mut self, _: Page, _: &mut Context<Self>) -> Outcome {
        tokio::time::sleep(Duration::from_millis(2)).await;
        Ok(())
    }
}

/// A printer that has always something to print.
pub(crate) fn office() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime").block_on(async {
        let system = ActorSystem::builder("office").start().expect("there is memory");
        let printer = system.actor(Printer).name("printer").spawn().expect("the name is free");
        let filling = async {
            for number in 0.. {
                printer.tell(Page { number }).await.expect("it lives");
            }
        };
        tokio::select! {
            () = filling => {}
            _ = tokio::task::spawn_blocking(|| while ready().is_some() {}) => {}
        }
        system.shutdown().await;
    });
}

/// One node of the cluster `mill`; the argument is its role and name, and where its log is.
pub(crate) fn node() {
    let argument = argument();
    let [role, name, folder] = argument.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{argument}");
    };
    let role = match role {
        "manager" => Role::Manager,
        "worker" => Role::Worker,
        _ => Role::Client,
    };
    let builder = Node::builder("mill", role, name);
    let builder = match role {
        Role::Manager => builder.log(Path::new(folder).join("mill.log")),
        Role::Worker => builder.parallel(2).task(GRIND, |number, _| {
            std::thread::sleep(Duration::from_millis(5));
            Ok::<_, Failure>(number)
        }),
        Role::Client => builder.window(16),
    };
    let node = builder.start().expect("it starts");
    if role != Role::Client {
        while ready().is_some() {}
        return;
    }
    let tasks = node.tasks(GRIND, PATIENCE).expect("the manager takes it");
    std::thread::spawn(move || {
        // Waits while sixteen have no result.
        for number in 0.. {
            drop(tasks.submit(&number));
        }
    });
    while ready().is_some() {}
    std::process::exit(0);
}

/// The processes of a cluster, in the order in which they were started.
pub(crate) fn cluster(scratch: &Scratch) -> Vec<Process> {
    let start = |node: &&str| {
        let argument = format!("{node} {}", scratch.files().display());
        let mut process = start_unready("node", scratch, &argument);
        process.line("ready");
        process
    };
    ["manager boss", "worker left", "worker right", "client desk"].iter().map(start).collect()
}

#[test]
fn nodes_of_a_cluster_have_lines_of_their_own() {
    let scratch = Scratch::new("top-nodes");
    let mut processes = cluster(&scratch);
    let mut nodes = Vec::new();
    until("all know each other, and work is done", || {
        let look = &scratch.run(&["top", "--json", "--count", "1"]).lines()[0];
        nodes = look["nodes"].as_array().expect("a list").clone();
        let done = |node: &serde_json::Value| {
            node["role"] != "manager" || node["finished"].as_u64() > Some(10)
        };
        nodes.len() == 4 && nodes.iter().all(|node| node["known"] == 3 && done(node))
    });
    let told = |node: &serde_json::Value| {
        let text = |name: &str| node[name].as_str().expect("a text").to_owned();
        format!("{} {} {}", text("cluster"), text("role"), text("name"))
    };
    let wanted = ["mill client desk", "mill manager boss", "mill worker left", "mill worker right"];
    assert_eq!(nodes.iter().map(told).collect::<Vec<_>>(), wanted);
    assert_eq!(nodes[1]["process"], processes[0].id());

    let mut top = Terminal::start(&scratch, &["top", "--interval", "0.2"]);
    top.line("the head", |line| line.starts_with("CLUSTER"));
    let boss = top.line("the manager", |line| line.starts_with("mill") && line.contains("boss"));
    assert!(boss.contains("manager"), "{boss}");
    processes.remove(2).kill();
    until("a dead node is not shown", || {
        let lines = top.lines();
        let shown = |name: &str| lines.iter().any(|line| line.contains(name));
        shown(" left ") && !shown(" right ")
    });
    top.press("q");
    assert!(top.ended());
    drop(processes);
}
