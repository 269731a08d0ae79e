using Aperture.Data;

namespace Aperture.Host;

/// <summary>The scripts' <c>Questions</c>.</summary>
/// <param name="folder">Where relative paths start.</param>
public sealed class QuestionGlobals(string folder)
{
    /// <summary>Reads questions: JSON lines with image, question, answer and type.</summary>
    /// <param name="path">The file; a relative path is looked for beside the script, then in the current folder.</param>
    /// <param name="needAnswers">Whether every line must carry an answer.</param>
    /// <exception cref="ApertureException">The file is missing or empty, or a line is damaged.</exception>
    public IReadOnlyList<QuestionItem> Load(string path, bool needAnswers = true)
    {
        string beside = Path.Combine(folder, path);
        return QuestionFile.Read(File.Exists(beside) ? beside : path, needAnswers);
    }

    /// <summary>Reads questions that come with the command, from wherever the script lies: <c>shelf-eval</c>, 360 with answers.</summary>
    /// <param name="name">Their name.</param>
    /// <exception cref="ApertureException">There are none of that name; those there are are listed.</exception>
    public IReadOnlyList<QuestionItem> Sample(string name) => QuestionFile.Read(SampleFiles.Questions(name), needAnswers: true);
}
