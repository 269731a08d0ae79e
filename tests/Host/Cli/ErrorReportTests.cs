using System.Runtime.InteropServices;
using Aperture.Scripting;
using static TorchSharp.torch;

namespace Aperture.Host.Tests.Cli;

public class ErrorReportTests
{
    private static (int Code, string Error) Report(Exception exception)
    {
        StringWriter error = new();
        int code = ErrorReport.Write(new Terminal(new StringWriter(), error), exception);
        return (code, error.ToString());
    }

    [Fact]
    public void User_errors_are_their_message_in_one_line() =>
        Assert.Equal((1, "error: what: how to mend it.\n"), Report(new ApertureException("what:\nhow to mend it.")));

    [Fact]
    public void Unknown_exceptions_are_type_and_message_with_a_hint() =>
        Assert.Equal(
            (1, "error: InvalidOperationException: broken (set APERTURE_DEBUG=1 to see where)\n"),
            Report(new AggregateException(new InvalidOperationException("broken"))));

    [Fact]
    public void Libtorchs_text_ends_where_its_trace_begins()
    {
        const string said = "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)";
        using Tensor narrow = zeros(2, 3), wide = zeros(4, 5);
        ExternalException torch = Assert.Throws<ExternalException>(() => narrow.mm(wide));

        Assert.Contains('\n', torch.Message);
        Assert.Equal((1, $"error: libtorch: {said} (set APERTURE_DEBUG=1 to see where)\n"), Report(torch));
        Assert.Equal($"a.csx(3): libtorch: {said}", new ScriptResult.RuntimeError(torch, "a.csx", 3).ToString());
    }

    [Fact]
    public void Cancelling_is_130() => Assert.Equal((130, "Cancelled.\n"), Report(new OperationCanceledException()));
}
