from spillover.backtest.html.markup import Html, el, join, table


def test_text_is_escaped_and_markup_is_not():
    """What comes from a trace cannot become markup, and what was built here is kept."""
    assert el("p", "<b>", Html("<b>x</b>"), title='"<') == '<p title="&quot;&lt;">&lt;b&gt;<b>x</b></p>'
    assert join(("&", None, el("br"))) == "&amp;<br/>"


def test_attributes_are_named_as_in_html():
    """Underscores stand for dashes and for Python's own words, None leaves an attribute out."""
    assert el("g", class_="a", aria_label="b", id=None) == '<g class="a" aria-label="b"></g>'
    assert el("line", x1=1.26, y1=2.0) == '<line x1="1.3" y1="2"/>'


def test_a_table_has_headers_in_both_directions_and_a_name():
    """Its first column heads the rows, its caption is also its name for those who cannot see it."""
    drawn = table(("a", "b"), [("<1>", "2")], "what it shows")
    assert '<th scope="row">&lt;1&gt;</th><td>2</td>' in drawn
    assert '<th scope="col">b</th>' in drawn
    assert 'aria-label="what it shows"' in drawn
