"""Mapping templates as tutorials write them; expected texts by the API Gateway Developer Guide and
Velocity's own rules."""

import json
from typing import Any

import pytest

from lambdatuning.local.apis.templates.json_paths import JsonPathError, at_path
from lambdatuning.local.apis.templates.mapping import TemplateError, TemplateRequest, rendered

# "Mapping template examples for API Gateway", the photo album, shortened.
PHOTOS = {"photos": {"page": 1, "photo": [{"id": "12345", "owner": "a'b"}, {"id": "23456"}]}}
PHOTO_TEMPLATE = """#set($inputRoot = $input.path('$'))
{
  "photos": [
    #foreach($elem in $inputRoot.photos.photo)
    {
      "id": "$elem.id",
      "owner": "$!elem.owner",
      "n": $foreach.count
    }#if($foreach.hasNext),#end

    #end
  ]
}"""
# The method request passthrough of the console, "Generate template".
PASSTHROUGH = """## See https://docs.aws.amazon.com/apigateway/ for documentation on field mapping
#set($allParams = $input.params())
{
"body-json" : $input.json('$'),
"params" : {
#foreach($type in $allParams.keySet())
    #set($params = $allParams.get($type))
"$type" : {
    #foreach($paramName in $params.keySet())
    "$paramName" : "$util.escapeJavaScript($params.get($paramName))"
        #if($foreach.hasNext),#end
    #end
}
    #if($foreach.hasNext),#end
#end
},
"stage-variables" : {
#foreach($key in $stageVariables.keySet())
"$key" : "$util.escapeJavaScript($stageVariables.get($key))"
    #if($foreach.hasNext),#end
#end
},
"context" : {
    "account-id" : "$context.identity.accountId",
    "http-method" : "$context.httpMethod",
    "stage" : "$context.stage",
    "resource-path" : "$context.resourcePath"
    }
}
"""


def _request(body: object = None, **given: Any) -> TemplateRequest:
    context = {"httpMethod": "POST", "stage": "prod", "resourcePath": "/it", "identity": {}}
    return TemplateRequest(
        body=json.dumps(body) if body is not None else "", context=context, **given
    )


def test_a_loop_over_the_payload() -> None:
    assert json.loads(rendered(PHOTO_TEMPLATE, _request(PHOTOS))) == {
        "photos": [
            {"id": "12345", "owner": "a'b", "n": 1},
            {"id": "23456", "owner": "", "n": 2},
        ]
    }


def test_the_passthrough_that_the_console_generates() -> None:
    request = _request(
        {"a": 1},
        path={"id": "7"},
        querystring={"q": 'say "x"'},
        header={"Accept": "*/*", "Host": "h"},
        stage_variables={"table": "t"},
    )

    assert json.loads(rendered(PASSTHROUGH, request)) == {
        "body-json": {"a": 1},
        "params": {
            "path": {"id": "7"},
            "querystring": {"q": 'say "x"'},
            "header": {"Accept": "*/*", "Host": "h"},
        },
        "stage-variables": {"table": "t"},
        "context": {
            "account-id": "",
            "http-method": "POST",
            "stage": "prod",
            "resource-path": "/it",
        },
    }


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("$input.json('$.b')", '{"c": [1, 2.5, null, true]}'),
        ("$input.json('$.b.c[0]')", "1"),
        ("$input.json('$.missing')", '""'),
        ("$input.json('$.b.c[*]')", "[1, 2.5, null, true]"),
        ("$input.json('$..c')", "[[1, 2.5, null, true]]"),
        ("$input.path('$.a')/$input.path(\"$['a']\")/${input.path('$.a')}", "x/x/x"),
        ("$input.path('$.b.c')", "[1,2.5,null,true]"),
        ("$input.path('$.b')", "{c=[1,2.5,null,true]}"),
        ("$input.path('$.b.c').size() $input.path('$.b.c')[1]", "4 2.5"),
        ("[$input.params('q')][$input.params('x-h')][$input.params('none')]", "[1][2][]"),
        ("$input.params().header.get('X-H') $input.params().querystring.q", "2 1"),
        ("$input.body", '{"a": "x", "b": {"c": [1, 2.5, null, true]}}'),
        ("$context.stage$context.identity.sourceIp$context.none.deeper|", "prod|"),
        ("$stageVariables.table-$stageVariables.none", "t-"),
        ("#set($x = 1 + 2 * 3)$x ${x}0", "7 70"),
        ("#set($x = \"v: $input.path('$.a')\")$x", "v: x"),
        ("#set($x = 'v: $a')$x", "v: $a"),
        ("#if($input.path('$.none'))yes#{else}no#end", "no"),
        ("#if($input.params('q') == '1' && !$undefined)a#elseif(true)b#{end}c", "ac"),
        ("#if(1 > 2)a#elseif(2 >= 2)b#{else}c#end", "b"),
        ("#foreach($i in [1..3])$i#if($foreach.last).#{else},#end#end", "1,2,3."),
        ("#foreach($i in [3..1])$i#if($i == 2)#break#end#end|", "32|"),
        (
            "#set($m = {'a': 1, 'b': 2})#foreach($e in $m.entrySet())$e.key=$e.value;#end",
            "a=1;b=2;",
        ),
        ("#set($m = {'a': 1})#set($m.b = [2])$m.put('c', 'x')$m.b[0]$m.c", "2x"),
        ("#set($l = [])#if($l.add('a'))$l.get(0)#end", "a"),
        ("a ## comment\nb #* more\n *#c", "a b c"),
        ("$undefined $!undefined|${undefined.a}", "$undefined |${undefined.a}"),
        ("\\$context.stage costs 5$ or #1 #fff", "$context.stage costs 5$ or #1 #fff"),
        ("$util.escapeJavaScript('a\"b/é\n')", 'a\\"b\\/\\u00E9\\n'),
        ("$util.base64Decode($util.base64Encode('héllo'))", "héllo"),
        ("$util.urlEncode('a b&c/é') $util.urlDecode('a+b%26')", "a+b%26c%2F%C3%A9 a b&"),
        ("$util.parseJson('{\"k\": [1]}').k[0]", "1"),
        ("$context.stage.toUpperCase().replaceAll('(P)R', '$1-')", "P-OD"),
        ("#[[ $literal #if ]]#", " $literal #if "),
        ("a#stop b", "a"),
        ("$x.y is no call of ($z)", "$x.y is no call of ($z)"),
        ("$context.stage.", "prod."),
    ],
)
def test_references_directives_and_methods(template: str, text: str) -> None:
    body = {"a": "x", "b": {"c": [1, 2.5, None, True]}}
    request = _request(
        body, querystring={"q": "1"}, header={"X-H": "2"}, stage_variables={"table": "t"}
    )

    assert rendered(template, request) == text


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("#macro(d)x#end", "does not know #macro"),
        ("#parse('a.vm')", "does not know #parse"),
        ("$context.stage.frobnicate()", r"does not know frobnicate\(\)"),
        ("$util.qr('a')", r"does not know qr\(\)"),
        ("#if(true)a", "no #end"),
        ("a#end", "#end stands outside"),
        ("#set($x = )", "not expected|nothing that is known"),
        ("#set($x 1)", '"=" was expected'),
        ("$input.json('$.a[?(@.b > 1)]')", "is not known here"),
        ("$util.parseJson('{')", "parseJson"),
        ("#foreach($i in [1..1000000])x#end", "too long"),
        ("$context.stage.substring('x')", "substring"),
        ("#set($x = " + "(" * 5000 + "1", "nested too deeply|not closed"),
    ],
)
def test_what_is_not_known_is_named(template: str, why: str) -> None:
    with pytest.raises(TemplateError, match=why):
        rendered(template, _request({}))


def test_a_path_goes_into_lists_and_maps() -> None:
    value = {"a": [{"b": 1}, {"b": 2, "c.d": 3}], "e": {"b": 4}}

    assert list(at_path(value, "$.a[*].b")) == [1, 2]
    assert list(at_path(value, "$.a[-1]['c.d']")) == [3]
    assert list(at_path(value, "$..b")) == [1, 2, 4]
    assert list(at_path(value, "$.a[0:1]")) == [{"b": 1}]
    assert list(at_path(value, "$")) == [value]
    assert list(at_path(value, "$.e.b.c")) == []
    with pytest.raises(JsonPathError):
        list(at_path(value, "$.a["))
