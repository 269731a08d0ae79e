namespace Aperture.Host.Tests.Cli;

/// <summary>What <c>dotnet publish</c> gives runs from where it lies, without the checkout.</summary>
[Trait("Category", "Process")]
public sealed class PublishTests : IDisposable
{
    private readonly CommandFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_published_folder_holds_all_that_an_answer_needs()
    {
        string output = Path.Combine(_folder.Folder, "published here");
        string configuration = Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory)).Split('_')[0];
        await DotnetProcess.Run(
            Repository.Path("host", "Aperture.Host"), "publish", "-c", configuration, "--no-build", "-o", output,
            "-p:CreateHardLinksForPublishFilesIfPossible=true");

        using ApertureProcess process = new(
            _folder.Folder, _folder.Environment, output, "ask", "tiny-llava", Repository.Path("scripts", "shelf.png"), "What is in the top left?", "--with",
            "fitprune:Reduction=0.6", "--threads", "1");
        (int code, string answer, string error) = await process.EndAsync();

        Assert.True(code == 0, error);
        Assert.StartsWith("purple shirt\n", answer, StringComparison.Ordinal);
        Assert.Equal(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "TorchSharp.dll")), File.ReadAllBytes(Path.Combine(output, "TorchSharp.dll")));
        Assert.Equal(
            File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "libLibTorchSharp.so")), File.ReadAllBytes(Path.Combine(output, "libLibTorchSharp.so")));
    }
}
