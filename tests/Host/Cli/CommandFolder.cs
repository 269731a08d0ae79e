namespace Aperture.Host.Tests.Cli;

/// <summary>A folder for one test, and the command run in it.</summary>
internal sealed class CommandFolder : IDisposable
{
    public string Folder { get; } = Directory.CreateTempSubdirectory("aperture-cli-").FullName;

    public Dictionary<string, string> Environment { get; } = [];

    public CommandFolder Write(string name, string text)
    {
        File.WriteAllText(Path.Combine(Folder, name), text);
        return this;
    }

    public ApertureProcess Start(params string[] arguments) => new(Folder, Environment, AppContext.BaseDirectory, arguments);

    public async Task<(int Code, string Output, string Error)> Run(params string[] arguments)
    {
        using ApertureProcess process = Start(arguments);
        return await process.EndAsync();
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
