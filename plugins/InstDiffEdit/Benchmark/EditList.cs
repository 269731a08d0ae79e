using Aperture.Files;

namespace Aperture.Plugins.InstDiffEdit.Benchmark;

/// <summary>A line of a benchmark's list.</summary>
/// <param name="Id">The sample's id, under which its masks lie.</param>
/// <param name="File">The file that the list names; used where the id is an ImageNet number of five digits.</param>
/// <param name="Source">What the picture shows.</param>
/// <param name="Prompt">The sentence to edit with.</param>
internal sealed record EditSample(string Id, string File, string Source, string Prompt)
{
    private const int NumberLength = 5;

    /// <summary>The picture's file name in the benchmark's folder.</summary>
    public string Picture => Id.Length == NumberLength ? File : Id + ".jpg";

    /// <summary>Full path of the picture; a PNG file of the same name serves where the folder has no such file.</summary>
    /// <param name="folder">The benchmark's folder.</param>
    public string Find(string folder)
    {
        string path = Path.Combine(folder, Picture), png = Path.ChangeExtension(path, ".png");
        return !System.IO.File.Exists(path) && System.IO.File.Exists(png) ? png : path;
    }
}

/// <summary>
/// The list files of the Editing-Mask, ImageNet and Imagen benchmarks: a sample a line, fields between <c> &lt;&gt; </c>. Four fields are id, caption, source
/// and target; three are an ImageNet file, its class and the target class.
/// </summary>
internal static class EditList
{
    private const string Separator = " <> ";
    private const int NumberFrom = 18, NumberTo = 5; // of ILSVRC2012_val_00012345.JPEG
    private const int View = 2; // Imagen's pictures have several views; the benchmark takes this one

    /// <summary>Reads a list file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ApertureException">The file is missing, or a line has neither three nor four fields.</exception>
    public static IReadOnlyList<EditSample> Read(string path)
    {
        if (!File.Exists(path))
        {
            throw new ApertureException($"There is no list '{path}'; check the name.");
        }

        return [.. InputFile.Lines(path, JsonText.LargestConfiguration).Select((line, number) => (line, number)).Where(entry => entry.line.Length > 0)
            .Select(entry => Parse(entry.line) ?? throw new ApertureException(
                $"{path}, line {entry.number + 1}: neither three nor four fields between '{Separator}'; take the benchmark's list as it is."))];
    }

    /// <summary>Parses a line; null for one that is none.</summary>
    public static EditSample? Parse(string line) => line.Split(Separator) switch
    {
        [string id, string caption, string source, string target] => new EditSample(id, $"{caption}_{View}.jpg", source, target),
        [string file, string source, string target] => new EditSample(
            file.Length > NumberFrom + NumberTo ? file[NumberFrom..^NumberTo] : "", file, source, "a " + target),
        _ => null,
    };
}
