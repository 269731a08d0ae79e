
namespace Aperture.Host.Tests.Cli;

/// <summary>A conversation through a pipe, with the built command.</summary>
[Trait("Category", "Process")]
public sealed class ChatCommandTests : IDisposable
{
    private readonly CommandFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Questions_come_line_by_line_and_answers_alone_go_to_standard_output()
    {
        using ApertureProcess process = _folder.Start(
            "chat", "tiny-llava", Repository.Path("scripts", "shelf.png"), "--with", "fitprune:Reduction=0.6", "--dtype", "float32", "--stats");
        await process.InputAsync("How many boots are there?\n/image nowhere.png\nIs there a bag?\n/save talk.json\n");

        (int code, string output, string error) = await process.EndAsync();

        Assert.Equal(1, code); // a picture was not there
        Assert.Equal(2, output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Contains("error: Image nowhere.png cannot be read", error, StringComparison.Ordinal);
        Assert.Equal(2, error.Split('\n').Count(line => line.Contains(" rows prefilled in ", StringComparison.Ordinal)));
        Assert.True(File.Exists(Path.Combine(_folder.Folder, "talk.json")));
    }
}
