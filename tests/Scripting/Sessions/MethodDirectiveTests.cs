using Aperture.Scripting;

namespace Aperture.Scripting.Tests.Sessions;

public sealed class MethodDirectiveTests
{
    [Theory]
    [InlineData("#method fitprune", "Methods.Show(\"fitprune\");")]
    [InlineData("  #method \"gamma-mod\" ;", "Methods.Show(\"gamma-mod\");")]
    [InlineData("#method", "Methods.Show();")]
    [InlineData("int a = 1;\n#method x\na + 1", "int a = 1;\nMethods.Show(\"x\");\na + 1")]
    [InlineData("#methods x", "#methods x")]
    [InlineData("#method a b", "#method a b")]
    [InlineData("1 + 1 // #method x", "1 + 1 // #method x")]
    public void A_line_stands_for_a_call(string code, string expected) => Assert.Equal(expected, MethodDirective.Expand(code));
}
