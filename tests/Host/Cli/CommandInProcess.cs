namespace Aperture.Host.Tests.Cli;

/// <summary>A command line run in the tests' own process: quick, for what needs no process of its own.</summary>
internal static class CommandInProcess
{
    public static async Task<(int Code, string Output, string Error)> Run(params string[] arguments)
    {
        StringWriter output = new(), error = new();
        int code = await CommandLine.RunAsync(arguments, new Terminal(output, error));
        return (code, output.ToString(), error.ToString());
    }
}
