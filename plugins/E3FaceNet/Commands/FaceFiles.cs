
namespace Aperture.Plugins.E3FaceNet.Commands;

/// <summary>Finds the files that a command's options name: here, or beside its checkpoint.</summary>
/// <param name="verb">The command, for messages.</param>
/// <param name="checkpoint">The checkpoint.</param>
internal sealed class FaceFiles(string verb, string checkpoint) : IMethodFiles
{
    public string? ModelFolder => Directory.Exists(checkpoint) ? checkpoint : Path.GetDirectoryName(Path.GetFullPath(checkpoint));

    public string Resolve(string path)
    {
        string beside = Path.Combine(ModelFolder ?? "", path);
        return Path.Exists(path) ? Path.GetFullPath(path)
            : Path.Exists(beside) ? beside
            : throw new ApertureException($"{verb}: there is no '{path}', neither here nor beside the checkpoint; check the name.");
    }
}
