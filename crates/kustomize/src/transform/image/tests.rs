//! Image names.

use super::{Images, changed, split};
use crate::kustomization::Image;
use crate::options::Compatibility;

#[test]
fn images_split_at_tag_and_digest() {
    for (image, parts) in [
        ("nginx", ("nginx", "", "")),
        ("nginx:1.2", ("nginx", "1.2", "")),
        ("nginx@sha256:ab", ("nginx", "", "sha256:ab")),
        ("nginx:1.2@sha256:ab", ("nginx", "1.2", "sha256:ab")),
        ("r.io:443/nginx", ("r.io:443/nginx", "", "")),
        ("r.io:443/nginx:1@sha256:ab", ("r.io:443/nginx", "1", "sha256:ab")),
    ] {
        assert_eq!(split(image), parts, "{image}");
    }
}

fn image(name: &str) -> Image {
    Image { name: name.into(), ..Image::default() }
}

#[test]
fn entries_change_name_tag_and_digest() {
    let tagged = Image { new_tag: "2".into(), ..image("a") };
    assert_eq!(changed("a:1@sha256:x", &tagged), "a:2");
    let renamed = Image { new_name: "r.io/b".into(), ..image("a") };
    assert_eq!(changed("a:1", &renamed), "r.io/b:1");
    let pinned = Image { digest: "sha256:y".into(), ..image("a") };
    assert_eq!(changed("a:1", &pinned), "a@sha256:y");
    let suffixed = Image { tag_suffix: "-alpine".into(), ..image("a") };
    assert_eq!(changed("a:1@sha256:x", &suffixed), "a:1-alpine");
}

#[test]
fn names_match_whole_and_may_be_expressions() {
    let matches = |name: &str, found: &str| {
        let images = Images::new(vec![image(name)], Vec::new(), Compatibility::V5_8_1).expect("the name is fine");
        images.entries[0].matches(found)
    };
    assert!(matches("nginx", "nginx:1.2@sha256:ab"));
    assert!(matches("r.io:5/x/nginx", "r.io:5/x/nginx:1"));
    assert!(!matches("nginx", "nginx-extra"));
    assert!(!matches("nginx", "r.io/nginx"));
    assert!(matches("ngin.", "nginx"));
    assert!(matches("(a|b)", "b:1"));
    assert!(Images::new(vec![image("[")], Vec::new(), Compatibility::V5_8_1).is_err());
}
