using System.Runtime.CompilerServices;
using Aperture.Scripting;
using CsCheck;
using Microsoft.CodeAnalysis.CSharp;

namespace Aperture.Scripting.Tests.Sessions;

/// <summary>What a session remembers of its submissions, and what it forgets without changing what they mean.</summary>
[Collection(WholeProcess.Name)]
public class DeclarationTests
{
    [Fact]
    public async Task A_variable_declared_anew_hides_the_old_one_for_new_code_only()
    {
        using ScriptFixture f = new();
        await f.Run("var x = 1; Func<int> old = () => x;");
        await f.Run("int Doubled() => 2 * x;");
        await f.Run("var x = \"new\";");
        await f.Run("var y = x.Length;");
        Assert.Equal(1, await f.Value("old()"));
        Assert.Equal(2, await f.Value("Doubled()"));
        Assert.Equal("new3", await f.Value("x + y"));
        Assert.Equal(["old", "x", "y"], f.Session.Variables.Select(v => v.Name).Order());
    }

    [Fact]
    public async Task Hidden_variables_and_plain_statements_are_forgotten()
    {
        using ScriptFixture f = new();
        for (int i = 0; i < 30; i++)
        {
            await f.Run($"var x = new[] {{ {i} }};");
            await f.Run("var (y, z) = (x[0] + 1, (Name: \"n\", Value: (double?)null));");
            await f.Run("foreach (int n in x) { y += n; }");
            await f.Run("x.Length");
        }

        Assert.Equal(58, await f.Value("x[0] + y - (x[0] + 1) + 1 - 1 + 30 - 30"));
        Assert.Equal("n", await f.Value("z.Name"));
        Assert.True(LengthOfChain(f.Session) <= 3, $"The chain has {LengthOfChain(f.Session)} submissions.");
    }

    [Fact]
    public async Task What_has_no_name_or_cannot_be_forgotten_stays_right()
    {
        using ScriptFixture f = new();
        await f.Run("#nullable enable\nvar p = new { A = 1 };");
        await f.Run("const int Size = 4;");
        await f.Run("record Pair(int Left, int Right); var pair = new Pair(1, 2);");
        await f.Run("using static System.Math; Abs(-1)");
        await f.Run("var x = 1;");
        await f.Run("var p = new { B = \"b\" };");
        await f.Run(
            "var x = 2; static int counter = 5; readonly int fixedValue = 6; int[,] grid = new int[2, 3]; dynamic free = 7; List<(int A, string?)?> many = "
            + "new();");
        await f.Run("record Pair(string Only);");
        await f.Run("x = 3; counter++; var alias = pair;");
        Assert.Equal("b", await f.Value("p.B"));
        Assert.Equal(4 + 3 + 6 + 6 + 6 + 7, await f.Value("Size + x + counter + fixedValue + grid.Length + free"));
        Assert.Equal(3, await f.Value("alias.Left + pair.Right"));
        Assert.Equal("only", await f.Value("new Pair(\"only\").Only"));
        Assert.IsType<ScriptResult.CompileError>(await f.Run("fixedValue = 1;"));
        Assert.Equal(2, await f.Value("Max(1, 2)"));
    }

    [Fact]
    public async Task Values_of_hidden_variables_are_freed()
    {
        using ScriptFixture f = new();
        WeakReference old = await DeclareAsync(f);
        await f.Run("var held = new object();");
        await f.Run("var unrelated = 1;");
        for (int i = 0; i < 20 && old.IsAlive; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            await Task.Delay(10);
        }

        Assert.False(old.IsAlive);
    }

    [Fact]
    public void Any_sequence_of_submissions_means_what_it_means_in_one_long_chain()
    {
        Gen.Int[0, 7].Select(
            Gen.Int[0, 2], Gen.Int[0, 2], (kind, name, other)
                => (Kind: kind, Name: "abc"[name].ToString(), Other: "abc"[other].ToString())).Array[5, 40].Sample(
            steps =>
            {
                using ScriptFixture f = new();
                SessionModel model = new();
                foreach ((int kind, string name, string other) in steps)
                {
                    string code = model.Step(kind, name, other);
                    ScriptResult result = f.Run(code).GetAwaiter().GetResult();
                    Assert.True(result is ScriptResult.Value, $"{code}: {result}");
                }

                foreach ((string expression, string value) in model.Expected())
                {
                    Assert.Equal(value, Convert.ToString(f.Value(expression).GetAwaiter().GetResult(), System.Globalization.CultureInfo.InvariantCulture));
                }
            },
            iter: 5,
            threads: 1);
    }

    private static int LengthOfChain(ScriptSession session)
    {
        int length = 0;
        for (CSharpCompilation? link = session.View.Previous; link is not null; link = link.ScriptCompilationInfo?.PreviousScriptCompilation)
        {
            length++;
        }

        return length - 1; // The base is no submission.
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<WeakReference> DeclareAsync(ScriptFixture f)
    {
        await f.Run("var held = new byte[1000];");
        return new WeakReference(await f.Value("held"));
    }
}
