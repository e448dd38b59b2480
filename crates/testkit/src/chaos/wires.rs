//! Wires between the managers and the nodes that can be cut, each for itself and each way for itself.
//!
//! Everybody is in a network namespace of its own with one address, all on one bridge of this machine,
//! over which the tool and the users reach everybody. A cut is an entry in the neighbour table of who
//! sends: the other's address is said to be at a card that nobody has. So what is sent is lost, and
//! nobody is told, also on connections that stand. Needs root and the programs `ip` and `nsenter`.

use crate::Site;
use anyhow::{Context, Result, ensure};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// What the names of our namespaces begin with; then the number of the tool's process follows.
const PREFIX: &str = "candela-chaos-";

/// A card that nobody has.
const NOWHERE: &str = "02:00:00:00:00:00";

/// Networks that may be tried: 198.18.0.0/15 is for measurements, and nobody's.
const NETWORKS: u32 = 512;

/// Wires of one process so far.
static MADE: AtomicU32 = AtomicU32::new(0);

/// Namespaces on a bridge; taken away when dropped.
pub(crate) struct Wires {
    /// What all names begin with.
    prefix: String,
    bridge: String,
    network: [u8; 3],
    ends: u8,
    cut: Vec<(usize, usize)>,
}

impl Wires {
    /// Makes so many ends; none where this user can't, or a program for it is missing.
    ///
    /// # Errors
    /// If it can be done, and something of it fails.
    pub(crate) fn make(ends: u8) -> Result<Option<Wires>> {
        remove_left_over();
        let (pid, count) = (std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let probe = format!("{PREFIX}{pid}-{count}-probe");
        let can = run(&["netns", "add", &probe]).and_then(|()| run(&["netns", "del", &probe]));
        if let Err(error) = can.and_then(|()| nsenter_is_there()) {
            eprintln!("skipped: no network namespaces here: {error:#}");
            return Ok(None);
        }
        let prefix = format!("{PREFIX}{pid}-{count}-");
        let (bridge, cut) = (format!("cd{pid}b{count}"), Vec::new());
        // Dropped, and so taken away, if the rest fails.
        let mut wires = Wires { prefix, bridge, network: [0; 3], ends: 0, cut };
        run(&["link", "add", &wires.bridge, "type", "bridge"])?;
        wires.network = wires.take_network(pid + count)?;
        run(&["link", "set", &wires.bridge, "up"])?;
        for at in 0..ends {
            wires.ends += 1;
            wires.add(at, ends)?;
        }
        Ok(Some(wires))
    }

    /// Gives the bridge the first address that is in no other network here.
    fn take_network(&self, first: u32) -> Result<[u8; 3]> {
        for number in (first..first + NETWORKS).map(|number| number % NETWORKS) {
            let [_, _, high, low] = number.to_be_bytes();
            let network = [198, 18 + high, low];
            let own = format!("{}/24", address(network, 254));
            let routes = said(&["route", "show", "to", "root", &own])?;
            if routes.trim().is_empty() {
                run(&["addr", "add", &own, "dev", &self.bridge])?;
                return Ok(network);
            }
        }
        anyhow::bail!("all networks for measurements are in use")
    }

    fn add(&self, at: u8, ends: u8) -> Result<()> {
        let at_place = usize::from(at);
        let (space, link) = (self.space(at_place), format!("{}e{at}", self.bridge));
        run(&["netns", "add", &space])?;
        let inside = ["type", "veth", "peer", "name", "eth0", "netns", &space];
        run(&[["link", "add", &link].as_slice(), &inside].concat())?;
        run(&["link", "set", &link, "master", &self.bridge, "up"])?;
        run(&["-n", &space, "link", "set", "lo", "up"])?;
        run(&["-n", &space, "link", "set", "eth0", "address", &card(at_place), "up"])?;
        let own = format!("{}/24", self.ip(at_place));
        run(&["-n", &space, "addr", "add", &own, "dev", "eth0"])?;
        for other in (0..usize::from(ends)).filter(|other| *other != at_place) {
            self.say(at_place, other, &card(other))?;
        }
        Ok(())
    }

    fn space(&self, at: usize) -> String {
        format!("{}{at}", self.prefix)
    }

    fn ip(&self, at: usize) -> IpAddr {
        address(self.network, at as u8 + 1)
    }

    /// Where a process runs that is at this end.
    pub(crate) fn site(&self, at: usize) -> Site {
        let through = ["nsenter".to_owned(), format!("--net=/run/netns/{}", self.space(at))];
        let through = through.into_iter().chain(["--".to_owned()]).collect();
        Site { ip: self.ip(at), through }
    }

    /// Tells one end at which card another is.
    fn say(&self, from: usize, to: usize, card: &str) -> Result<()> {
        let (space, to) = (self.space(from), self.ip(to).to_string());
        let entry = ["neigh", "replace", &to, "lladdr", card, "dev", "eth0", "nud", "permanent"];
        run(&[["-n", &space].as_slice(), &entry].concat())
    }

    /// From now on, what one sends to the other is lost.
    pub(crate) fn cut_one_way(&mut self, from: usize, to: usize) -> Result<()> {
        self.cut.push((from, to));
        self.say(from, to, NOWHERE)
    }

    /// From now on, what either sends to the other is lost.
    pub(crate) fn cut(&mut self, one: usize, other: usize) -> Result<()> {
        self.cut_one_way(one, other)?;
        self.cut_one_way(other, one)
    }

    /// Undoes all cuts.
    pub(crate) fn mend(&mut self) -> Result<()> {
        let cut = std::mem::take(&mut self.cut);
        cut.into_iter().try_for_each(|(from, to)| self.say(from, to, &card(to)))
    }
}

impl Drop for Wires {
    fn drop(&mut self) {
        // What is not there can't be taken away; the link's other end goes with it.
        for at in 0..self.ends {
            run(&["link", "del", &format!("{}e{at}", self.bridge)]).ok();
            run(&["netns", "del", &self.space(usize::from(at))]).ok();
        }
        run(&["link", "del", &self.bridge]).ok();
    }
}

fn address(network: [u8; 3], last: u8) -> IpAddr {
    let [a, b, c] = network;
    Ipv4Addr::new(a, b, c, last).into()
}

fn card(at: usize) -> String {
    format!("02:00:00:00:01:{:02x}", at + 1)
}

/// Takes away namespaces and bridges of tools that were killed.
fn remove_left_over() {
    let runs = |pid: &str| Path::new("/proc").join(pid).exists();
    let bridges = said(&["-o", "link", "show", "type", "bridge"]).unwrap_or_default();
    for name in bridges.lines().filter_map(|line| line.split(": ").nth(1)) {
        let pid = name.strip_prefix("cd").and_then(|rest| rest.split_once('b'));
        let is_number = |pid: &str| !pid.is_empty() && pid.bytes().all(|b| b.is_ascii_digit());
        if pid.is_some_and(|(pid, _)| is_number(pid) && !runs(pid)) {
            run(&["link", "del", name]).ok();
        }
    }
    let Ok(spaces) = std::fs::read_dir("/run/netns") else { return };
    for name in spaces.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
        let Some((pid, _)) = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-')) else {
            continue;
        };
        if !runs(pid) {
            run(&["netns", "del", &name]).ok();
        }
    }
}

fn nsenter_is_there() -> Result<()> {
    let asked = Command::new("nsenter").arg("--version").stdout(Stdio::null()).status();
    ensure!(asked.context("start nsenter")?.success(), "nsenter doesn't work");
    Ok(())
}

fn run(arguments: &[&str]) -> Result<()> {
    said(arguments).map(drop)
}

/// What `ip` says.
fn said(arguments: &[&str]) -> Result<String> {
    let output = Command::new("ip").args(arguments).stdin(Stdio::null()).output();
    let output = output.context("start ip")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ip {}: {}", arguments.join(" "), errors.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether one end's packets come back from another.
    fn reaches(wires: &Wires, from: usize, to: usize) -> bool {
        // A connection that is turned away came back; one that is lost doesn't in this time.
        let to = wires.ip(to);
        let connect = format!("exec 3<>/dev/tcp/{to}/9");
        let mut command = Command::new("timeout");
        let through = wires.site(from).through;
        command.arg("0.5").args(through).args(["bash", "-c", &connect]).stderr(Stdio::null());
        // 124: it was ended by the time.
        command.status().is_ok_and(|status| status.code() != Some(124))
    }

    #[test]
    fn what_is_cut_is_lost_and_nothing_else() -> Result<()> {
        let Some(mut wires) = Wires::make(3)? else { return Ok(()) };
        let all = |wires: &Wires| {
            let pairs = [(0, 1), (1, 0), (0, 2), (2, 1)];
            pairs.map(|(from, to)| reaches(wires, from, to))
        };
        assert_eq!(all(&wires), [true; 4]);
        wires.cut_one_way(1, 0)?;
        // The answer is lost, or the question.
        assert_eq!(all(&wires), [false, false, true, true]);
        wires.mend()?;
        wires.cut(2, 1)?;
        assert_eq!(all(&wires), [true, true, true, false]);
        wires.mend()?;
        assert_eq!(all(&wires), [true; 4]);
        Ok(())
    }
}
