namespace Aperture.Host.Repl;

/// <summary>A line that is for the REPL, not for the compiler.</summary>
/// <param name="Name">What the user types.</param>
/// <param name="Arguments">What may follow, as help shows it.</param>
/// <param name="Summary">What it does.</param>
/// <param name="RunAsync">Does it; gets the text after the name.</param>
internal sealed record ReplDirective(string Name, string Arguments, string Summary, Func<string, CancellationToken, Task> RunAsync);
