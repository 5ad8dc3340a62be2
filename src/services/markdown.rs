//! Markdown as a tree of a few kinds of nodes, for a page to make elements of: nothing of it is ever set as HTML.
//!
//! CommonMark with tables, strikethrough and task lists. Raw HTML is text. A link keeps its address where that is `http`,
//! `https`, `mailto` or a place on the page (`#…`); otherwise only its text stays. An image is a link to itself. Whatever
//! is given, the tree is at most [`MAX_DEPTH`] deep and has about [`MAX_NODES`] nodes: what nests deeper is text, and what
//! stands behind that is one paragraph as it was written.

use pulldown_cmark::{Alignment, CodeBlockKind, Event, LinkType, Options, Parser, Tag, TagEnd};
use serde::Serialize;

/// The most nodes that stand inside one another.
pub const MAX_DEPTH: usize = 32;

/// After so many nodes the rest is left as it was written. What opens and becomes no node counts too: the cells of a short
/// text can be hundreds of thousands.
pub const MAX_NODES: usize = 100_000;

/// The longest address of a link, in bytes.
const MAX_HREF: usize = 2_048;

/// One node; `type` says which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "camelCase")]
#[schema(no_recursion)]
#[allow(missing_docs)]
pub enum Node {
    /// Line breaks in it are blanks. Beside inline nodes, it may stand wherever children may.
    Text {
        text: String,
    },
    Strong {
        children: Vec<Node>,
    },
    Emphasis {
        children: Vec<Node>,
    },
    Strikethrough {
        children: Vec<Node>,
    },
    /// Code within a line.
    Code {
        text: String,
    },
    /// `href` is safe to follow: `http`, `https`, `mailto`, or `#…`. No link stands in another.
    Link {
        href: String,
        children: Vec<Node>,
    },
    /// A hard line break.
    Break,
    Paragraph {
        children: Vec<Node>,
    },
    /// From 1 to 6.
    Heading {
        level: u8,
        children: Vec<Node>,
    },
    Quote {
        children: Vec<Node>,
    },
    /// A thematic break.
    Rule,
    CodeBlock {
        #[serde(skip_serializing_if = "Option::is_none")]
        language: Option<String>,
        text: String,
    },
    /// Its children are items; `start` is there where it is ordered.
    List {
        ordered: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        start: Option<u64>,
        children: Vec<Node>,
    },
    /// `checked` is there for a task.
    Item {
        #[serde(skip_serializing_if = "Option::is_none")]
        checked: Option<bool>,
        children: Vec<Node>,
    },
    /// Its children are rows, the first of them the header.
    Table {
        children: Vec<Node>,
    },
    /// Its children are cells.
    Row {
        children: Vec<Node>,
    },
    /// `align` is `left`, `center` or `right`.
    Cell {
        header: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        align: Option<&'static str>,
        children: Vec<Node>,
    },
}

/// A text as a tree.
#[derive(Debug, PartialEq, Eq)]
pub struct Tree {
    /// The blocks.
    pub nodes: Vec<Node>,
    /// Whether the last of them is the rest of a text that had too many nodes.
    pub truncated: bool,
}

/// What a node will be, once its children are known.
enum Kind {
    /// Its children take its place.
    Nothing,
    Strong,
    Emphasis,
    Strikethrough,
    Link(String),
    Image(String),
    Paragraph,
    Heading(u8),
    Quote,
    CodeBlock(Option<String>),
    List(Option<u64>),
    Item(Option<bool>),
    Table,
    Row,
    Cell {
        header: bool,
        align: Option<&'static str>,
    },
}

struct Frame {
    kind: Kind,
    children: Vec<Node>,
}

#[derive(Default)]
struct Builder {
    /// The first is the root.
    stack: Vec<Frame>,
    /// How many levels are open that are no nodes, because there is no room for them.
    flat: usize,
    /// Nodes, and levels that are none.
    nodes: usize,
    /// How many links and images are open.
    links: usize,
    alignments: Vec<Alignment>,
    in_head: bool,
    column: usize,
}

/// Parses Markdown.
pub fn parse(text: &str) -> Tree {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut builder = Builder::default();
    builder.stack.push(Frame { kind: Kind::Nothing, children: Vec::new() });
    let mut rest = None;
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        if builder.nodes >= MAX_NODES && !matches!(event, Event::End(_)) {
            rest = Some(text.get(range.start..).unwrap_or(text));
            break;
        }
        builder.take(event);
    }
    while builder.stack.len() > 1 {
        builder.close();
    }
    let mut nodes = builder.stack.pop().map(|root| root.children).unwrap_or_default();
    if let Some(rest) = rest {
        nodes.push(Node::Paragraph { children: vec![Node::Text { text: rest.to_owned() }] });
    }
    Tree { nodes, truncated: rest.is_some() }
}

impl Builder {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(&tag),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.text(&text),
            Event::Code(text) => self.push(Node::Code { text: text.into_string() }),
            Event::SoftBreak => self.text("\n"),
            Event::HardBreak => self.push(Node::Break),
            Event::Rule if self.flat == 0 => self.push(Node::Rule),
            Event::Rule => self.new_line(),
            Event::TaskListMarker(checked) => self.check(checked),
            // Switched off.
            Event::FootnoteReference(text) | Event::InlineMath(text) | Event::DisplayMath(text) => self.text(&text),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        // A list needs its items, a table its rows and cells: they are there with them or not at all.
        let needed = match tag {
            Tag::List(_) => 2,
            Tag::Table(_) => 3,
            _ => 1,
        };
        if self.flat > 0 || self.stack.len() + needed > MAX_DEPTH + 1 {
            self.flat += 1;
            self.nodes += 1;
            return;
        }
        let kind = self.kind(tag);
        if matches!(kind, Kind::Link(_) | Kind::Image(_)) {
            self.links += 1;
        }
        self.stack.push(Frame { kind, children: Vec::new() });
    }

    fn kind(&mut self, tag: Tag<'_>) -> Kind {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock => Kind::Paragraph,
            Tag::Heading { level, .. } => Kind::Heading(level as u8),
            Tag::BlockQuote(_) => Kind::Quote,
            Tag::CodeBlock(CodeBlockKind::Fenced(info)) => Kind::CodeBlock(language(&info)),
            Tag::CodeBlock(CodeBlockKind::Indented) => Kind::CodeBlock(None),
            Tag::List(start) => Kind::List(start),
            Tag::Item => Kind::Item(None),
            Tag::Table(alignments) => {
                self.alignments = alignments;
                Kind::Table
            }
            Tag::TableHead | Tag::TableRow => {
                self.in_head = matches!(tag, Tag::TableHead);
                self.column = 0;
                Kind::Row
            }
            Tag::TableCell => {
                let align = self.alignments.get(self.column).copied().and_then(align);
                self.column += 1;
                Kind::Cell { header: self.in_head, align }
            }
            Tag::Emphasis => Kind::Emphasis,
            Tag::Strong => Kind::Strong,
            Tag::Strikethrough => Kind::Strikethrough,
            Tag::Link { link_type, dest_url, .. } if self.links == 0 => {
                let href = match link_type {
                    LinkType::Email => safe_href(&format!("mailto:{dest_url}")),
                    _ => safe_href(&dest_url),
                };
                href.map_or(Kind::Nothing, Kind::Link)
            }
            Tag::Image { dest_url, .. } if self.links == 0 => {
                safe_href(&dest_url).filter(|href| is_web(href)).map_or(Kind::Nothing, Kind::Image)
            }
            _ => Kind::Nothing,
        }
    }

    fn end(&mut self, tag: &TagEnd) {
        if self.flat == 0 {
            return self.close();
        }
        self.flat -= 1;
        let inline =
            matches!(tag, TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough | TagEnd::Link | TagEnd::Image);
        if !inline {
            self.new_line();
        }
    }

    /// What is open gets its place in what it stands in.
    fn close(&mut self) {
        let Some(Frame { kind, mut children }) = self.stack.pop() else { return };
        if matches!(kind, Kind::Link(_) | Kind::Image(_)) {
            self.links -= 1;
        }
        let node = match kind {
            Kind::Nothing => {
                for child in children {
                    match child {
                        Node::Text { text } => self.text(&text),
                        child => self.push(child),
                    }
                }
                return;
            }
            Kind::Strong => Node::Strong { children },
            Kind::Emphasis => Node::Emphasis { children },
            Kind::Strikethrough => Node::Strikethrough { children },
            Kind::Link(href) => Node::Link { href, children },
            Kind::Image(href) => {
                if children.is_empty() {
                    children.push(Node::Text { text: href.clone() });
                }
                Node::Link { href, children }
            }
            Kind::Paragraph => Node::Paragraph { children },
            Kind::Heading(level) => Node::Heading { level, children },
            Kind::Quote => Node::Quote { children },
            Kind::CodeBlock(language) => match children.pop() {
                Some(Node::Text { text }) => Node::CodeBlock { language, text },
                _ => Node::CodeBlock { language, text: String::new() },
            },
            Kind::List(start) => Node::List { ordered: start.is_some(), start, children },
            Kind::Item(checked) => Node::Item { checked, children },
            Kind::Table => Node::Table { children },
            Kind::Row => Node::Row { children },
            Kind::Cell { header, align } => Node::Cell { header, align, children },
        };
        self.push(node);
    }

    fn push(&mut self, node: Node) {
        self.nodes += 1;
        if let Some(top) = self.stack.last_mut() {
            top.children.push(node);
        }
    }

    /// Texts that follow one another are one.
    fn text(&mut self, more: &str) {
        match self.stack.last_mut().and_then(|top| top.children.last_mut()) {
            Some(Node::Text { text }) => text.push_str(more),
            _ if more.is_empty() => {}
            _ => self.push(Node::Text { text: more.to_owned() }),
        }
    }

    /// Parts what would run together without the nodes that there is no room for.
    fn new_line(&mut self) {
        if let Some(Node::Text { text }) = self.stack.last_mut().and_then(|top| top.children.last_mut())
            && !text.ends_with('\n')
        {
            text.push('\n');
        }
    }

    fn check(&mut self, checked: bool) {
        if self.flat > 0 {
            return self.text(if checked { "[x] " } else { "[ ] " });
        }
        let item = self.stack.iter_mut().rev().find_map(|frame| match &mut frame.kind {
            Kind::Item(place) => Some(place),
            _ => None,
        });
        if let Some(place) = item {
            *place = Some(checked);
        }
    }
}

fn align(alignment: Alignment) -> Option<&'static str> {
    match alignment {
        Alignment::None => None,
        Alignment::Left => Some("left"),
        Alignment::Center => Some("center"),
        Alignment::Right => Some("right"),
    }
}

/// The first word behind a fence, if it can be a language's name.
fn language(info: &str) -> Option<String> {
    let word = info.split_whitespace().next()?;
    let fits = word.len() <= 40 && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+#._-".contains(&byte));
    fits.then(|| word.to_owned())
}

fn has_scheme(href: &str, scheme: &str) -> bool {
    href.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)) && href.len() > scheme.len()
}

fn is_web(href: &str) -> bool {
    has_scheme(href, "https://") || has_scheme(href, "http://")
}

/// An address that may be followed. What a browser would skip when it reads one (control characters, blanks), what it would
/// read as something else (a backslash), and what nobody sees, is in none.
fn safe_href(url: &str) -> Option<String> {
    let hidden = |char: char| matches!(char, '\\' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fffd}');
    if url.len() > MAX_HREF || url.chars().any(|char| char.is_control() || char.is_whitespace() || hidden(char)) {
        return None;
    }
    (is_web(url) || has_scheme(url, "mailto:") || url.starts_with('#')).then(|| url.to_owned())
}

#[cfg(test)]
#[path = "markdown_tests.rs"]
mod tests;
