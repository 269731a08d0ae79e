using Aperture.Scripting;

namespace Aperture.Scripting.Tests.Sessions;

public sealed class SessionIntelligenceTests : IDisposable
{
    private readonly ScriptFixture _script = new();
    private readonly SessionIntelligence _intelligence;

    public SessionIntelligenceTests()
    {
        _intelligence = new SessionIntelligence(_script.Session);
    }

    public void Dispose()
    {
        _intelligence.Dispose();
        _script.Dispose();
    }

    [Fact]
    public async Task Completes_members_of_variables_of_earlier_submissions()
    {
        await _script.Run("var names = new List<string> { \"a\" };");
        await _script.Run("using System.Text; record Point(int Left, int Top);");

        CodeCompletions members = await Complete("names.Cou|");
        Assert.Equal("Count", members.Items[0].Text);
        Assert.Equal("property", members.Items[0].Kind);
        Assert.Equal((6, 3), (members.Start, members.Length));
        Assert.Contains((await Complete("nam|")).Items, i => i.Text == "names");
        Assert.Contains((await Complete("StringBui|")).Items, i => i.Text == "StringBuilder");
        Assert.Contains((await Complete("new Point(1, 2).L|")).Items, i => i.Text == "Left");
    }

    [Fact]
    public async Task Completes_globals_and_what_is_written_in_the_same_text()
    {
        Assert.Contains((await Complete("Coun|")).Items, i => i.Text == "Counter");
        Assert.Contains((await Complete("int height = 1;\nhei|")).Items, i => i.Text == "height");
        Assert.Equal("for", (await Complete("for|")).Items[0].Text);
        Assert.Empty((await Complete("// for|")).Items);
    }

    [Fact]
    public async Task Sees_what_the_last_submission_changed()
    {
        await _script.Run("var value = 1;");
        Assert.Contains((await Complete("value.|")).Items, i => i.Text == "CompareTo");
        await _script.Run("var value = \"text\";");
        Assert.Contains((await Complete("value.|")).Items, i => i.Text == "Substring");
    }

    [Theory]
    [InlineData("gHC", "GetHashCode", true)]
    [InlineData("hash", "GetHashCode", true)]
    [InlineData("xyz", "GetHashCode", false)]
    public async Task Parts_and_initials_find_a_name(string written, string name, bool found) =>
        Assert.Equal(found, (await Complete($"\"\".{written}|")).Items.Any(i => i.Text == name));

    [Fact]
    public async Task Describes_names_with_their_documentation()
    {
        await _script.Run("var count = 3;");
        CodeDescription? variable = await _intelligence.DescribeAsync("count + 1", 2);
        Assert.Contains("int count", variable!.Declaration, StringComparison.Ordinal);
        CodeDescription? print = await _intelligence.DescribeAsync("Print(1)", 2);
        Assert.Contains("Writes a value as one line of text.", print!.Documentation, StringComparison.Ordinal);
        Assert.Null(await _intelligence.DescribeAsync("// 1 + 1", 5));
    }

    [Fact]
    public async Task Lists_the_overloads_of_the_call_around_the_cursor()
    {
        CodeSignatures? signatures = await Signatures("Math.Max(1, Math.Min(2, |");
        Assert.StartsWith("int Math.Min(", signatures!.Items.First(i => i.Parameters[0].Text == "int val1").Head, StringComparison.Ordinal);
        Assert.Equal(1, signatures.ActiveParameter);
        Assert.Equal(
            11,
            signatures.Items.Count(
                i => i.Head.Contains("Min(", StringComparison.Ordinal)
                && !i.Head.Contains("IntPtr", StringComparison.Ordinal)
                && !i.Head.Contains("nint", StringComparison.Ordinal)
                && !i.Head.Contains("nuint", StringComparison.Ordinal)));
        Assert.Equal(0, (await Signatures("Math.Max(|1, Math.Min(2, 3))"))!.ActiveParameter);
        Assert.Contains("Show(", (await Signatures("Show(|)"))!.Items[0].Head, StringComparison.Ordinal);
        Assert.Null(await Signatures("(1 + 2|)"));
        Assert.Null(await Signatures("Math.Max(1, 2)|"));
    }

    [Theory]
    [InlineData("new Version(1, |", "Version(", 1)]
    [InlineData("new List<int>()[|", "int List<int>[", 0)]
    [InlineData("string.Join(values: null, separator: |", "string string.Join(", 0)]
    [InlineData("string.Format(\"\", 1, 2, 3, 4, |", "string string.Format(", 1)]
    public async Task Knows_constructors_indexers_named_and_repeated_arguments(string code, string head, int parameter)
    {
        CodeSignatures? signatures = await Signatures(code);
        Assert.Equal(head, signatures!.Items[signatures.Active].Head);
        Assert.Equal(parameter, signatures.ActiveParameter);
    }

    [Fact]
    public async Task Calls_of_delegates_show_their_parameters()
    {
        await _script.Run("Func<int, string> name = i => \"\";");
        Assert.Contains("int arg", (await Signatures("name(|"))!.Items[0].ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Colours_by_meaning()
    {
        await _script.Run("var total = 1;");
        const string code = "foreach (var n in new[] { 1 }) Console.WriteLine(total + \"x\"); // done";
        IReadOnlyList<CodeSpan> spans = await _intelligence.ClassifyAsync(code);
        Assert.Equal(
            [
                ("foreach", CodeKind.Control), ("var", CodeKind.Keyword), ("n", CodeKind.Variable), ("in", CodeKind.Control), ("new", CodeKind.Keyword),
                ("1", CodeKind.Number),
                ("Console", CodeKind.Type), ("WriteLine", CodeKind.Method), ("total", CodeKind.Member), ("\"x\"", CodeKind.Text), ("// done", CodeKind.Comment),
            ],
            spans.Select(s => (code.Substring(s.Start, s.Length), s.Kind)));
    }

    [Theory]
    [InlineData("1 + 1", CodeState.Complete)]
    [InlineData("if (true) {", CodeState.Incomplete)]
    [InlineData("var x = \"\"\"\n a", CodeState.Incomplete)]
    [InlineData("1 + ) 2;", CodeState.Invalid)]
    public void A_text_is_complete_incomplete_or_beyond_mending(string code, CodeState state) => Assert.Equal(state, SessionIntelligence.Examine(code));

    [Fact]
    public async Task Directives_in_unfinished_code_leave_no_trace_in_the_session()
    {
        await Complete("#r \"Missing.dll\"\nCon|");
        Assert.Contains((await Complete("Con|")).Items, i => i.Text == "Console");
        Assert.Equal(2, await _script.Value("1 + 1"));
    }

    private Task<CodeCompletions> Complete(string marked) => _intelligence.CompleteAsync(Code(marked, out int position), position);

    private Task<CodeSignatures?> Signatures(string marked) => _intelligence.SignaturesAsync(Code(marked, out int position), position);

    private static string Code(string marked, out int position)
    {
        position = marked.IndexOf('|', StringComparison.Ordinal);
        return marked.Remove(position, 1);
    }
}
