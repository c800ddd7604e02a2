use super::{Metrics, RequestLine};

#[test]
fn metrics_are_summed_by_name_and_label() {
    let metrics = Metrics::parse(
        "# HELP x y\nx{method=\"PUT\",a=\"b c\"} 2\nx{method=\"GET\"} 3\ny 4.5\nxz 100\n",
    );
    assert!((metrics.sum("x") - 5.0).abs() < 1e-9);
    assert!((metrics.sum_where("x", "method=\"PUT\"") - 2.0).abs() < 1e-9);
    assert!((metrics.sum("y") - 4.5).abs() < 1e-9);
    assert!(metrics.has("xz") && !metrics.has("z"));
}

#[test]
fn request_lines_are_found_among_others() {
    let log = "starting\n{\"fields\":{\"message\":\"x\"}}\n\
               {\"fields\":{\"path\":\"/a\",\"status\":200,\"queries\":3}}\n\
               {\"status\":\"404\",\"queries\":\"0\"}\n";
    let lines = RequestLine::all(log);
    assert_eq!(lines.len(), 2);
    assert_eq!((lines[0].status(), lines[0].queries()), (200, 3));
    assert!(lines[0].mentions("/a"));
    assert_eq!((lines[1].status(), lines[1].queries()), (404, 0));
}
