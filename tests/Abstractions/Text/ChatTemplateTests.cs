namespace Aperture.Text.Tests;

/// <summary>Chat templates run in the part of Jinja that they use, and are recognised where they write what a published template does.</summary>
public sealed class ChatTemplateTests
{
    private const string Parts = """
        {%- for m in messages -%}
            {{- m.role | upper ~ ': ' -}}
            {%- for part in m['content'] if part.type == 'image' -%}{{ "<image>\n" }}{%- endfor -%}
            {%- for part in m.content | selectattr('type', 'equalto', 'text') -%}{{ part['text'] + ' ' }}{%- endfor -%}
        {%- endfor -%}
        {% if add_generation_prompt %}ASSISTANT:{% endif %}

        """;

    private const string Instructions = """
        {{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] | trim + ' [/INST]' }}
        {%- elif m['role'] == 'assistant' %}{{ ' ' + m['content'] + ' ' + eos_token }}
        {%- else %}{{ raise_exception('no place for ' ~ m['role']) }}{% endif %}{% endfor %}
        """;

    private static readonly (string Piece, int Type)[] _llama = [("<unk>", 2), ("<s>", 3), ("</s>", 3), ("\u2581", 1), ("h", 1)];

    [Theory]
    [InlineData("{{ 'a' }}b", "ab")]
    [InlineData("a\n{% if true %}\nb\n{% endif %}\nc\n", "a\nb\nc")]
    [InlineData("a  {%- if true -%}  b  {%- endif %} c", "ab c")]
    [InlineData("x\n   {# note #}\ny", "x\ny")]
    [InlineData("{{ '%}' }}{# {{ #}{{ \"it's\\n\" }}", "%}it's\n")]
    [InlineData("{% for x in [1, 2, 3] %}{{ loop.index }}{{ '-' if not loop.last else '.' }}{% endfor %}", "1-2-3.")]
    [InlineData("{% for x in [] %}a{% else %}b{% endfor %}", "b")]
    [InlineData("{% for x in [1, 2, 3, 4] if x % 2 == 0 %}{{ x }}{{ loop.length }}{% endfor %}", "2242")]
    [InlineData("{% for x in [1, 2, 3, 4] %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 4 %}{% break %}{% endif %}{{ x }}{% endfor %}", "13")]
    [InlineData("{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}{{ v }}{% endfor %}", "a1b2")]
    [InlineData("{% set x = 1 %}{% for i in range(3) %}{% set x = i %}{% endfor %}{{ x }}", "1")]
    [InlineData("{% set ns = namespace(x=1) %}{% for i in range(3) %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}", "4")]
    [InlineData("{% set t %}ab{{ 1 }}{% endset %}{{ t | upper }}", "AB1")]
    [InlineData("{% if false %}a{% elif 0 %}b{% elif 'x' %}c{% else %}d{% endif %}", "c")]
    [InlineData("{{ [1, 2, 3, 4][1:] | join(',') }}|{{ [1, 2, 3][::-1] | join }}|{{ [1, 2][:-1] | length }}", "2,3,4|321|1")]
    [InlineData("{{ 'abc'[-1] }}|{{ 'abcd'[1:3] }}", "c|bc")]
    [InlineData("{{ nothing is defined }}{{ messages is defined }}{{ none is none }}{{ 'a' is string }}{{ messages[0] is mapping }}", "FalseTrueTrueTrueTrue")]
    [InlineData("{{ not nothing }}{{ 1 in [1] and 2 not in [1] }}{{ 'b' in 'abc' }}{{ 'x' is not none }}", "TrueTrueTrueTrue")]
    [InlineData("{{ 1 + 2 * 3 - 4 }}|{{ 7 // 2 }}|{{ -1 % 3 }}|{{ 1 < 2 }}|{{ 'a' ~ 1 ~ none }}", "3|3|2|True|a1None")]
    [InlineData("{{ nothing | default('d') }}{{ '' | default('e', true) }}{{ nothing }}", "de")]
    [InlineData("{{ ' x '.strip() }}|{{ 'a-b'.split('-')[1] }}|{{ 'abc'.startswith('ab') }}", "x|b|True")]
    [InlineData("{{ 'abc' | replace('b', '') }}|{{ 'ab cd' | title }}", "ac|Ab Cd")]
    [InlineData("{{ messages | map(attribute='role') | join(' ') }}{{ messages[0].get('role') }}", "user assistantuser")]
    [InlineData("{{ (messages[0]['role'] == 'user') != (0 == 1) }}", "True")]
    [InlineData("{{ messages.__class__ }}{{ 'a'.__class__ }}{{ messages[0].GetType }}", "")]
    public void Templates_are_run_as_the_library_runs_them(string template, string expected)
    {
        object?[] messages = [new Dictionary<string, object?> { ["role"] = "user" }, new Dictionary<string, object?> { ["role"] = "assistant" }];

        Assert.Equal(expected, JinjaTemplate.Parse(template).Render(new Dictionary<string, object?> { ["messages"] = messages.ToList() }));
    }

    [Theory]
    [InlineData("{{ ", "(", "1", ")", " }}", "brackets 51 deep")]
    [InlineData("{{ ", "[", "", "]", " }}", "brackets 51 deep")]
    [InlineData("{{ 1", "+1", "", "", " }}", "a tag of 200001 words")]
    [InlineData("{{ messages", ".a", "", "", " }}", "a tag of 200001 words")]
    [InlineData("{{ ", "not ", "1", "", " }}", "a tag of 100001 words")]
    [InlineData("", "{% if 1 %}", "", "{% endif %}", "", "blocks 101 deep")]
    [InlineData("{% if 0 %}", "{% elif 0 %}", "", "", "{% endif %}", "blocks 101 deep")]
    [InlineData("", "{% for m in messages %}", "", "{% endfor %}", "", "blocks 101 deep")]
    public void What_is_nested_without_end_is_refused(string before, string open, string middle, string close, string behind, string reason)
    {
        string Many(string text) => string.Concat(Enumerable.Repeat(text, 100_000));

        string template = before + Many(open) + middle + Many(close) + behind;

        Assert.Equal(reason, Assert.Throws<JinjaException>(() => JinjaTemplate.Parse(template)).Message);
    }

    [Theory]
    [InlineData("x='aaaaaaaa'", "ns.x + ns.x")]
    [InlineData("x='aaaaaaaa'", "ns.x ~ ns.x")]
    [InlineData("x='aaaaaaaa'", "ns.x | replace('a', 'aaaa')")]
    [InlineData("x='aaaaaaaa'", "[ns.x, ns.x] | join(ns.x)")]
    [InlineData("x=[1, 2, 3]", "ns.x + ns.x")]
    [InlineData("x=['ab']", "ns.x + [ns.x[-1] + ns.x[-1]]")]
    public void What_grows_without_end_is_refused(string first, string next)
    {
        JinjaTemplate template = JinjaTemplate.Parse(
            $$$"""{% set ns = namespace({{{first}}}) %}{% for i in range(100) %}{% set ns.x = {{{next}}} %}{% endfor %}""");
        long before = GC.GetAllocatedBytesForCurrentThread();

        string message = Assert.Throws<JinjaException>(() => template.Render([])).Message;

        Assert.Equal("more text than a prompt ever takes", message);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 30);
    }

    [Theory]
    [InlineData("{% macro f() %}{% endmacro %}", "the statement 'macro'")]
    [InlineData("{% include 'x' %}", "the statement 'include'")]
    [InlineData("{{ open('/etc/passwd') }}", "the function 'open'")]
    [InlineData("{{ 'a'.__class__.__mro__ }}", "a member of what is not defined")]
    [InlineData("{{ 'a' | attr('x') }}", "'attr' of a text")]
    [InlineData("{{ nothing.x }}", "a member of what is not defined")]
    [InlineData("{{ raise_exception('no') }}", "it refuses the conversation: no")]
    [InlineData("{{ messages }}", "a list where a text stands")]
    [InlineData("{{ 1 + 'a' }}", "'+' between a number and a text")]
    [InlineData("{% if true %}", "an 'if' that is not closed")]
    [InlineData("{% for x in y %}", "a 'for' that is not closed")]
    [InlineData("{{ 'a }}", "not closed")]
    [InlineData("{{ (1 }}", "where ','")]
    [InlineData("{{ 1 2 }}", "'2' behind a value")]
    [InlineData("{% for i in range(9000) %}{% for j in range(9000) %}{% endfor %}{% endfor %}", "more steps")]
    [InlineData("{{ range(1000000) }}", "a range of more than")]
    public void What_is_not_known_or_not_allowed_is_named(string template, string says)
    {
        JinjaException error = Assert.Throws<JinjaException>(
            () => JinjaTemplate.Parse(template).Render(new Dictionary<string, object?> { ["messages"] = new List<object?>() }));

        Assert.Contains(says, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_template_over_parts_that_writes_what_a_published_one_does_is_that_one()
    {
        ChatTemplate template = ChatTemplate.Read(Parts, null, out string reason)!;

        Assert.Equal("", reason);
        Assert.Equal("llava_hf", template.Published("vicuna_v1"));
        Assert.Equal("USER: <image>\nwhat? ASSISTANT: this USER: why? ASSISTANT:", template.Render(null, [("what?", 1, "this"), ("why?", 0, null)]));
    }

    [Fact]
    public void A_template_over_texts_that_writes_the_begin_token_itself_is_recognised_too()
    {
        using TokenizerFolder folder = new TokenizerFolder().WithModel(false, _llama);
        ChatTemplate template = ChatTemplate.Read(Instructions, Tokenizers.FromFolder(folder.Path), out _)!;

        Assert.Equal("mistral_instruct", template.Published("mistral_instruct"));
        Assert.Equal("<s>[INST] <image>\n<image>\nq [/INST]", template.Render(null, [("q", 2, null)]));
        Assert.Contains(
            "it refuses the conversation: no place for system",
            Assert.Throws<ApertureException>(() => template.Render("be short", [("q", 0, null)])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_template_of_its_own_is_no_published_one()
    {
        ChatTemplate template = ChatTemplate.Read(Parts.Replace(": ", " says ", StringComparison.Ordinal), null, out _)!;

        Assert.Null(template.Published("llava_hf"));
        Assert.Equal("USER says <image>\nq ASSISTANT:", template.Render(null, [("q", 1, null)]));
        Assert.Equal("SYSTEM says be short USER says q ASSISTANT:", template.Render("be short", [("q", 0, null)]));
    }

    [Theory]
    [InlineData("{% for m in messages %}{{ m.role }}{% endfor %}", "leaves the question out")]
    [InlineData("{% for m in messages %}{{ m.content[-1].text }}{% endfor %}", "writes no <image>")]
    [InlineData("{% import 'x' %}", "the statement 'import'")]
    public void A_template_that_cannot_ask_about_a_picture_is_refused_with_the_reason(string text, string says)
    {
        Assert.Null(ChatTemplate.Read(text, null, out string reason));
        Assert.Contains(says, reason, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_template_would_leave_out_is_refused()
    {
        ChatTemplate template = ChatTemplate.Read(
            "{% for m in messages if m.role != 'system' %}{{ m.content }}{% endfor %}", null, out _)!;

        Assert.Contains(
            "leaves out 'be short'", Assert.Throws<ApertureException>(() => template.Render("be short", [("q", 0, null)])).Message, StringComparison.Ordinal);
    }
}
