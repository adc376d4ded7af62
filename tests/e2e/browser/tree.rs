//! What is on a page, as a screen reader is told it: roles and names. A test finds things by them, so that it goes on
//! when the page is built otherwise, and fails when something has no name.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::driver::Browser;

/// One thing on the page.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) role: String,
    pub(super) name: String,
    /// What a field or a bar stands at.
    pub(super) value: Value,
    /// By this the browser knows it.
    backend: u64,
    parent: Option<usize>,
}

/// All things on the page, those outside before those inside.
#[derive(Debug)]
pub(super) struct Tree(Vec<Node>);

impl Tree {
    fn new(told: &Value) -> Self {
        let all = told["nodes"].as_array().unwrap();
        let text = |value: &Value| value["value"].as_str().unwrap_or_default().to_owned();
        let at: HashMap<_, _> =
            all.iter().enumerate().map(|(at, node)| (node["nodeId"].as_str(), at)).collect();
        let nodes = all.iter().map(|node| Node {
            role: text(&node["role"]),
            name: text(&node["name"]),
            value: node["value"]["value"].clone(),
            backend: node["backendDOMNodeId"].as_u64().unwrap_or_default(),
            parent: at.get(&node["parentId"].as_str()).copied(),
        });
        Self(nodes.collect())
    }

    /// A thing, what it lies in, and so on.
    fn outwards(&self, at: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(at), |&at| self.0[at].parent)
    }

    /// What lies in a thing of this role.
    fn within<'t>(&'t self, role: &'t str) -> impl Iterator<Item = usize> + 't {
        (0..self.0.len()).filter(move |&at| self.outwards(at).any(|outer| self.0[outer].role == role))
    }

    /// The first thing of this role whose name has these words, in the page's main part or in a dialog.
    pub(super) fn find(&self, role: &str, name: &str) -> Option<&Node> {
        let parts = self.within("dialog").chain(self.within("main"));
        parts.map(|at| &self.0[at]).find(|node| node.role == role && has_words(&node.name, name))
    }

    /// The thing of this role and name that is nearest to this text: the button of a row, say.
    pub(super) fn beside(&self, role: &str, name: &str, text: &str) -> Option<&Node> {
        let is_wanted = |at: &usize| self.0[*at].role == role && has_words(&self.0[*at].name, name);
        let wanted: Vec<_> = self.within("main").filter(is_wanted).collect();
        let texts =
            |is: fn(&Node, &str) -> bool| self.within("main").filter(move |&at| is(&self.0[at], text));
        let exactly: Vec<_> = texts(is_text).collect();
        let texts =
            if exactly.is_empty() { texts(|node, text| node.name.contains(text)).collect() } else { exactly };
        let near = texts.into_iter().flat_map(|at| {
            let outwards: Vec<_> = self.outwards(at).collect();
            let far = move |&other: &usize| {
                self.outwards(other).find_map(|o| outwards.iter().position(|&p| p == o))
            };
            wanted.iter().filter_map(move |other| Some((far(other)?, *other)))
        });
        near.min().map(|(_, at)| &self.0[at])
    }

    /// The words that say just this, or begin with it, in the page's main part or in a dialog.
    pub(super) fn words(&self, text: &str) -> Option<&Node> {
        let all = || self.within("dialog").chain(self.within("main")).map(|at| &self.0[at]);
        let exactly = all().find(|node| node.role == "StaticText" && is_text(node, text));
        exactly.or_else(|| all().find(|node| node.role == "StaticText" && node.name.contains(text)))
    }

    /// Whether anything of this role is there.
    pub(super) fn has(&self, role: &str) -> bool {
        self.0.iter().any(|node| node.role == role)
    }
}

/// Whether it says this; a folder may be told by a slash.
fn is_text(node: &Node, text: &str) -> bool {
    node.name.trim().trim_end_matches('/') == text.trim_end_matches('/')
}

/// Whether these words stand in a name, each as a whole: "Download" is not in "Downloads".
fn has_words(name: &str, words: &str) -> bool {
    let split =
        |text: &str| text.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase).collect::<Vec<_>>();
    words.is_empty() || split(name).windows(split(words).len()).any(|some| some == split(words))
}

impl Browser<'_> {
    /// What is on the page now.
    pub(super) fn tree(&self) -> Tree {
        Tree::new(&self.cdp("Accessibility.getFullAXTree", &json!({})))
    }

    /// Waits until something is there.
    pub(super) fn see<T>(&self, what: &str, look: impl Fn(&Tree) -> Option<T>) -> T {
        self.until(what, || look(&self.tree()))
    }

    /// Waits until these words are there.
    pub(super) fn read(&self, text: &str) {
        self.see(text, |tree| tree.words(text).map(drop));
    }

    /// Clicks the thing of this role and name that is nearest to this text.
    pub(super) fn click_beside(&self, role: &str, name: &str, text: &str) {
        let what = format!("{role} {name:?} beside {text:?} was clicked");
        self.until(&what, || self.click(self.tree().beside(role, name, text)?));
    }

    /// Clicks the first thing of this role and name.
    pub(super) fn click_first(&self, role: &str, name: &str) {
        self.until(&format!("{role} {name:?} was clicked"), || self.click(self.tree().find(role, name)?));
    }

    /// Clicks on these words.
    pub(super) fn click_words(&self, text: &str) {
        self.until(&format!("{text:?} was clicked"), || self.click(self.tree().words(text)?));
    }

    /// Clicks in the middle of a thing, as a person does with a mouse: it must be in sight, and nothing above it. `None` if
    /// it is not, or if the page took it away meanwhile.
    fn click(&self, node: &Node) -> Option<()> {
        const AIM: &str = "function () { \
            const it = this.nodeType === Node.TEXT_NODE ? this.parentElement : this; \
            if (it.disabled) return null; \
            it.scrollIntoView({ block: 'center', behavior: 'instant' }); \
            const box = it.getBoundingClientRect(); \
            const [x, y] = [Math.round(box.x + box.width / 2), Math.round(box.y + box.height / 2)]; \
            if (!it.contains(document.elementFromPoint(x, y))) return null; \
            window.wasClicked = false; \
            addEventListener('click', (e) => { window.wasClicked = it.contains(e.target); }, { capture: true, once: true }); \
            return [x, y]; }";
        let known = self.try_cdp("DOM.resolveNode", &json!({ "backendNodeId": node.backend }))?;
        let object = &known["object"]["objectId"];
        let asked = json!({ "objectId": object, "functionDeclaration": AIM, "returnByValue": true });
        let told = self.try_cdp("Runtime.callFunctionOn", &asked)?;
        let point = told["result"]["value"].as_array()?;
        self.click_at(point[0].as_i64()?, point[1].as_i64()?);
        // A page that shows itself anew between both halves of a click gets none.
        (self.run("return window.wasClicked ?? true", &[]) == true).then_some(())
    }
}
