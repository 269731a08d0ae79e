using Aperture.Images;
using MyFamily.Tests;

namespace Aperture.Host.Tests.Cli;

/// <summary>
/// A model family written outside the solution from the template and built there, with a checkpoint and two pictures; made once for all tests.
/// </summary>
public sealed class BuiltFamily : IAsyncLifetime, IDisposable
{
    private readonly CommandFolder _folder = new();

    public string Root => _folder.Folder;

    /// <summary>The project.</summary>
    public string Project => Path.Combine(Root, "SigLlava");

    /// <summary>The plugin's folder.</summary>
    public string Plugin => Path.Combine(Project, "bin", "SigLlava");

    public string Checkpoint => Path.Combine(Root, "small");

    public string Shelf => Path.Combine(AppContext.BaseDirectory, "scripts", "shelf.png");

    public string Noise => Path.Combine(Root, "noise.png");

    public async Task InitializeAsync()
    {
        (int code, string output, string error) = await Run("plugins", "new", "SigLlava", "--kind", "family");
        Assert.Equal((0, Project + "\n"), (code, output));
        Assert.Equal($"Next: cd {Project} && dotnet test, then use it with --plugin bin/SigLlava\n", error);
        await DotnetProcess.Run(Root, "build", "SigLlava/src", "-v", "quiet", "--nologo", "-nodeReuse:false");
        SmallCheckpoint.Write(Checkpoint, Path.Combine(AppContext.BaseDirectory, "scripts", "models", "tiny-llava"));
        byte[] pixels = new byte[50 * 40 * 3];
        new Random(1).NextBytes(pixels);
        Image.FromRgb(pixels, 50, 40).SavePng(Noise);
    }

    public Task DisposeAsync() => Task.CompletedTask;

    public void Dispose() => _folder.Dispose();

    internal Task<(int Code, string Output, string Error)> Run(params string[] arguments) => _folder.Run(arguments);

    /// <summary>A copy of the checkpoint with a text in one of its files replaced.</summary>
    internal string Changed(string file, string what, string with)
    {
        string copy = Path.Combine(Root, Path.GetRandomFileName());
        SmallCheckpoint.Write(copy, Checkpoint);
        string path = Path.Combine(copy, file), text = File.ReadAllText(path);
        Assert.Contains(what, text, StringComparison.Ordinal);
        File.WriteAllText(path, text.Replace(what, with, StringComparison.Ordinal));
        return copy;
    }
}
