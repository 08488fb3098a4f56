use super::*;

#[test]
fn a_request_is_signed_as_amazon_says() {
    // The example "GET Bucket (List Objects)" of Amazon's documentation of signatures.
    let keys = Keys {
        access: "AKIAIOSFODNN7EXAMPLE".into(),
        secret: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into()),
    };
    let host = "examplebucket.s3.amazonaws.com";
    let headers = sign(&keys, host, "us-east-1", "/", "max-keys=2&prefix=J", "20130524T000000Z");
    assert_eq!(headers[0].1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!(
        headers[2].1,
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
         SignedHeaders=host;x-amz-content-sha256;x-amz-date, \
         Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
    );
}

#[test]
fn keys_are_escaped_for_paths_and_queries() {
    assert_eq!(escape("a b/c+d~é.yaml", true), "a%20b/c%2Bd~%C3%A9.yaml");
    assert_eq!(escape("a/b", false), "a%2Fb");
}

#[test]
fn listings_are_read_page_by_page() {
    let page = |more: &str| {
        format!(
            "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name>{more}\
             <Contents><Key>a &amp; b.yaml</Key><Size>7</Size><ETag>&quot;abc&quot;</ETag></Contents>\
             <Contents><ETag>\"d-2\"</ETag><Key>c/&#x64;&lt;.yaml</Key></Contents></ListBucketResult>"
        )
    };
    let listed = |key: &str, etag: &str, size| Listed { key: key.into(), etag: etag.into(), size };
    let objects = vec![listed("a & b.yaml", "abc", 7), listed("c/d<.yaml", "d-2", 0)];
    assert_eq!(
        read_listing(&page("<IsTruncated>false</IsTruncated>")).unwrap(),
        Page { objects: objects.clone(), next: None }
    );
    let more = "<IsTruncated>true</IsTruncated><NextContinuationToken>x=</NextContinuationToken>";
    assert_eq!(read_listing(&page(more)).unwrap(), Page { objects, next: Some("x=".into()) });
    let wrong = |text: &str| read_listing(text).unwrap_err().to_string();
    assert_eq!(wrong("<Error/>"), "the answer is no listing");
    assert_eq!(wrong("<ListBucketResult><Contents><Key>a"), "the listing breaks off");
    assert_eq!(wrong(&page("<IsTruncated>true</IsTruncated>")), "the listing goes on without saying where");
    assert_eq!(unescape("a&b;&#55555555;&unknown;&"), "a&b;&#55555555;&unknown;&");
}
