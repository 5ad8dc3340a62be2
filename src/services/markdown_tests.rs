use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn tree(text: &str) -> Value {
    serde_json::to_value(parse(text).nodes).unwrap()
}

fn paragraph(children: Value) -> Value {
    json!([{ "type": "paragraph", "children": children }])
}

#[test]
fn every_kind_of_node_is_told_by_its_type() {
    let text = "# One *two* **three** ~~four~~ `five`\n\nsix\nseven\\\neight\n\n> nine\n\n---\n\n```rust ignore\nten();\n```\n\n\
                3. eleven\n4. twelve\n\n- [x] done\n- [ ] open\n\n| a | b |\n|:-:|---|\n| 1 | 2 |\n";
    assert_eq!(
        tree(text),
        json!([
            { "type": "heading", "level": 1, "children": [
                { "type": "text", "text": "One " },
                { "type": "emphasis", "children": [{ "type": "text", "text": "two" }] },
                { "type": "text", "text": " " },
                { "type": "strong", "children": [{ "type": "text", "text": "three" }] },
                { "type": "text", "text": " " },
                { "type": "strikethrough", "children": [{ "type": "text", "text": "four" }] },
                { "type": "text", "text": " " },
                { "type": "code", "text": "five" },
            ] },
            { "type": "paragraph", "children": [
                { "type": "text", "text": "six\nseven" },
                { "type": "break" },
                { "type": "text", "text": "eight" },
            ] },
            { "type": "quote", "children": paragraph(json!([{ "type": "text", "text": "nine" }])) },
            { "type": "rule" },
            { "type": "codeBlock", "language": "rust", "text": "ten();\n" },
            { "type": "list", "ordered": true, "start": 3, "children": [
                { "type": "item", "children": [{ "type": "text", "text": "eleven" }] },
                { "type": "item", "children": [{ "type": "text", "text": "twelve" }] },
            ] },
            { "type": "list", "ordered": false, "children": [
                { "type": "item", "checked": true, "children": [{ "type": "text", "text": "done" }] },
                { "type": "item", "checked": false, "children": [{ "type": "text", "text": "open" }] },
            ] },
            { "type": "table", "children": [
                { "type": "row", "children": [
                    { "type": "cell", "header": true, "align": "center", "children": [{ "type": "text", "text": "a" }] },
                    { "type": "cell", "header": true, "children": [{ "type": "text", "text": "b" }] },
                ] },
                { "type": "row", "children": [
                    { "type": "cell", "header": false, "align": "center", "children": [{ "type": "text", "text": "1" }] },
                    { "type": "cell", "header": false, "children": [{ "type": "text", "text": "2" }] },
                ] },
            ] },
        ])
    );
    assert_eq!(tree(""), json!([]));
}

#[test]
fn raw_html_is_text() {
    let block = "<script>alert(1)</script>\n";
    assert_eq!(tree(block), paragraph(json!([{ "type": "text", "text": block }])));
    let inline = "a <img src=x onerror=alert(1)> b";
    assert_eq!(tree(inline), paragraph(json!([{ "type": "text", "text": inline }])));
}

#[test]
fn a_link_keeps_an_address_that_may_be_followed() {
    for (text, href) in [
        ("[x](https://example.com/a?b=c#d)", "https://example.com/a?b=c#d"),
        ("[x](HTTP://example.com)", "HTTP://example.com"),
        ("[x](mailto:ada@example.com)", "mailto:ada@example.com"),
        ("[x](#part)", "#part"),
        ("[x][1]\n\n[1]: https://example.com", "https://example.com"),
    ] {
        let link = json!([{ "type": "link", "href": href, "children": [{ "type": "text", "text": "x" }] }]);
        assert_eq!(tree(text), paragraph(link), "{text}");
    }
    let mail = json!([{ "type": "link", "href": "mailto:a@b.c", "children": [{ "type": "text", "text": "a@b.c" }] }]);
    assert_eq!(tree("<a@b.c>"), paragraph(mail));
}

#[test]
fn any_other_link_keeps_its_text_alone() {
    for href in [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java&#115;cript:alert(1)",
        "&#x6A;avascript:alert(1)",
        "java&Tab;script:alert(1)",
        "&#1;javascript:alert(1)",
        "<&#32;javascript:alert(1)>",
        "<java&NewLine;script:alert(1)>",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:msgbox(1)",
        "file:///etc/passwd",
        "blob:https://example.com/1",
        "view-source:https://example.com",
        "//example.com/evil",
        "/relative",
        "relative.md",
        "https:example.com",
        "https:\\\\\\\\example.com",
        "http&#58;//&#8238;example.com",
        "https://example.com/&#0;",
        "<https://example.com/a&Tab;b>",
        "?q=1",
        "",
        "javascript&colon;alert(1)",
        "mailto:",
        "https://",
    ] {
        let text = format!("a [x]({href}) b");
        let told = tree(&text).to_string();
        assert!(!told.contains("\"href\"") && told.contains("a x b"), "{text}: {told}");
    }
    let long = format!("[x](https://example.com/{})", "a".repeat(MAX_HREF));
    assert_eq!(tree(&long), paragraph(json!([{ "type": "text", "text": "x" }])));
}

#[test]
fn an_image_is_a_link_to_itself_or_its_description() {
    let link = |text: &str| {
        json!([{ "type": "link", "href": "https://e.com/a.png",
                                     "children": [{ "type": "text", "text": text }] }])
    };
    assert_eq!(tree("![alt](https://e.com/a.png)"), paragraph(link("alt")));
    assert_eq!(tree("![](https://e.com/a.png)"), paragraph(link("https://e.com/a.png")));
    assert_eq!(tree("![alt](data:image/png;base64,AAAA)"), paragraph(json!([{ "type": "text", "text": "alt" }])));
    assert_eq!(tree("[![alt](https://e.com/b.png)](https://e.com/a.png)"), paragraph(link("alt")));
}

#[test]
fn what_nests_too_deep_is_text() {
    fn depth(nodes: &[Node]) -> usize {
        let below = |node: &Node| match node {
            Node::Strong { children }
            | Node::Emphasis { children }
            | Node::Strikethrough { children }
            | Node::Link { children, .. }
            | Node::Paragraph { children }
            | Node::Heading { children, .. }
            | Node::Quote { children }
            | Node::List { children, .. }
            | Node::Item { children, .. }
            | Node::Table { children }
            | Node::Row { children }
            | Node::Cell { children, .. } => depth(children),
            _ => 0,
        };
        nodes.iter().map(|node| 1 + below(node)).max().unwrap_or(0)
    }
    for text in [
        format!("{} deep\n", "> ".repeat(200)),
        format!("{}deep", "- ".repeat(200)),
        format!("{}deep{}", "*a **b ".repeat(200), "** *".repeat(200)),
        format!("{}\n{0}|-|\n{0}|deep|\n", "> ".repeat(29)),
    ] {
        let parsed = parse(&text);
        assert!(depth(&parsed.nodes) <= MAX_DEPTH + 1, "{}", depth(&parsed.nodes));
        assert!(serde_json::to_string(&parsed.nodes).unwrap().contains("deep"), "{text}");
    }
}

#[test]
fn what_stands_behind_too_many_nodes_stays_as_it_was_written() {
    let text = format!("{}\n\n**last**", "*a* ".repeat(MAX_NODES));
    let parsed = parse(&text);
    assert!(parsed.truncated);
    let Some(Node::Paragraph { children }) = parsed.nodes.last() else { panic!("no paragraph") };
    let [Node::Text { text: rest }] = &children[..] else { panic!("no text") };
    assert!(text.ends_with(rest.as_str()) && rest.ends_with("**last**"), "nothing is lost");
    assert!(!parse("*a*").truncated);
}

/// A text of a megabyte of this, over and over.
fn megabyte(of: &str) -> String {
    let mut text = of.repeat((1 << 20) / of.len());
    text.push_str(&"x".repeat((1 << 20) - text.len()));
    text
}

#[test]
fn a_megabyte_of_anything_takes_little_time_and_little_room() {
    let mut texts: Vec<String> = [
        ">",
        "> ",
        "[",
        "![",
        "]",
        "[a](",
        "[a][",
        "[^a]",
        "*",
        "* ",
        "*a",
        "_a__",
        "**a*",
        "*a*",
        "~~a",
        "`",
        "`a``",
        "<",
        "<!--",
        "<a ",
        "<?",
        "&",
        "&amp;",
        "\\",
        "#\n",
        "- a\n",
        "-\n",
        "1. ",
        "1.\n",
        "a\n\n",
        "a  \n",
        "---\n",
        "\n",
        "\r",
        "|",
        "|a",
        "|\n",
        "[a]: b\n",
        "<https://a.b>",
        "![a](https://a.b)",
        "```\n",
        "~~~a\n",
        "\t",
        " \t> ",
        "\u{1}",
        "\"",
        "é",
        "<script>",
        "- [ ] a\n",
        "> - ",
        ":-|",
        "$",
        "{",
        "<x>\n\n",
    ]
    .into_iter()
    .map(megabyte)
    .collect();
    let half = 1 << 19;
    texts.push(format!("{}\n{}\n{}", "|a".repeat(half / 4), "|-".repeat(half / 4), "b\n".repeat(half / 2)));
    texts.push(format!("{}\n{}", "* ".repeat(half / 2), "\n".repeat(half)));
    texts.push(format!("{}\n{}", ">".repeat(half), "a\n".repeat(half / 2)));
    texts.push(format!("[a]: https://b.c/{}\n\n{}", "d".repeat(half), "[a] ".repeat(half / 4)));
    texts.push((0..1_000).map(|depth| format!("{}- a\n", " ".repeat(depth * 2))).collect());
    texts.push(format!("{}{}", "[".repeat(half), "](a)".repeat(half / 4)));
    texts.push(format!("{}{}", "*a _b ".repeat(half / 12), "b_ a*".repeat(half / 10)));
    texts.push((1..1_400).map(|length| format!("{} ", "`".repeat(length))).collect());
    // Each of its rows becomes six hundred cells, where there is room for none.
    let quote = "> ".repeat(30);
    let head = format!("{quote}{}\n{quote}{}\n", "|a".repeat(600), "|-".repeat(600));
    texts.push(format!("{head}{}", format!("{quote}b\n").repeat(500)));
    let quote = ">".repeat(30);
    let head = format!("{quote}{}\n{quote}{}\n", "|a".repeat(600), "|-".repeat(600));
    texts.push(format!("{head}{}", format!("{quote}b\n").repeat(500)));
    for text in texts {
        let start: String = text.chars().take(12).collect();
        let begun = Instant::now();
        let parsed = parse(&text);
        let written = serde_json::to_vec(&parsed.nodes).unwrap();
        let (length, nodes) = (written.len(), parsed.nodes.len());
        drop(parsed);
        let took = begun.elapsed();
        println!("{took:?} {length} {nodes} {start:?}");
        // Not optimized, and beside other tests: many times what the program takes.
        assert!(took < Duration::from_secs(4), "{start:?} takes {took:?}");
        assert!(length <= 16 * (1 << 20), "{start:?} becomes {length} bytes");
    }
}

proptest! {
    #[test]
    fn whatever_is_written_no_address_is_one_to_fear(text in "(\\[|\\]|\\(|\\)|<|>|!|javascript:|https://|&#[0-9]{1,3};|a|:|\\n|\\||-|\\*|`| ){0,60}") {
        fn hrefs(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(map) => {
                    found.extend(map.get("href").and_then(Value::as_str).map(str::to_owned));
                    map.values().for_each(|value| hrefs(value, found));
                }
                Value::Array(list) => list.iter().for_each(|value| hrefs(value, found)),
                _ => {}
            }
        }
        let mut found = Vec::new();
        hrefs(&tree(&text), &mut found);
        for href in found {
            prop_assert!(["http://", "https://", "mailto:", "#"].iter().any(|start| href.starts_with(start)), "{href:?}");
        }
    }
}
