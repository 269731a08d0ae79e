using System.Text.Encodings.Web;
using System.Text.Json;
using Aperture.Data;
using Aperture.Images;
using Aperture.Requests;

namespace Aperture.Workshop;

/// <summary>
/// Writes a fixed set of held-out shelves with questions: <c>NNN.png</c> files and <c>questions.jsonl</c> with the fields image, question, answer, type.
/// </summary>
public static class ShelfEvaluationSet
{
    /// <summary>Name of the file with the questions.</summary>
    public const string QuestionsFile = "questions.jsonl";

    // Streams of the seed that training never uses.
    private const long FirstStream = 1L << 60;

    /// <summary>Writes a set. The same seed writes the same files.</summary>
    /// <param name="folder">Created if absent.</param>
    /// <param name="items">Photographs of the held-out part.</param>
    /// <param name="perType">Questions of each type.</param>
    /// <param name="seed">Seed.</param>
    /// <param name="set">What shelves are like; null for <see cref="ShelfSet.Items"/>.</param>
    /// <returns>The number of questions.</returns>
    public static int Write(string folder, FashionItems items, int perType, long seed, ShelfSet? set = null)
    {
        Directory.CreateDirectory(folder);
        set ??= ShelfSet.Items;
        ShelfQuestionType[] types = [.. set.Types];
        int[] asked = new int[types.Length];
        using StreamWriter lines = new(Path.Combine(folder, QuestionsFile));
        for (int picture = 0; asked.Any(count => count < perType); picture++)
        {
            SeededRandom random = new(seed, FirstStream + picture);
            ShelfScene scene = set.Draw(random);
            byte[] pixels = set.Paint(scene, items, random);
            List<ShelfQuestion> questions = [];
            int[] order = [.. random.Draw(types.Length, types.Length).OrderBy(type => asked[type])];
            foreach (int type in Enumerable.Repeat(order, set.QuestionsPerType).SelectMany(types => types))
            {
                if (questions.Count < set.QuestionsPerPicture && asked[type] < perType && ShelfInterviewer.Ask(scene, types[type], random) is { } question
                    && questions.All(other => other.Question != question.Question))
                {
                    questions.Add(question);
                    asked[type]++;
                }
            }

            string name = $"{picture:000}.png";
            if (questions.Count > 0)
            {
                Picture(pixels, set.Side).SavePng(Path.Combine(folder, name));
                questions.ForEach(question => lines.Write(Line(name, question)));
            }
        }

        return asked.Sum();
    }

    /// <summary>Painted pixels as an image.</summary>
    /// <param name="pixels">As a set paints them.</param>
    /// <param name="side">Side of the picture in pixels.</param>
    public static Image Picture(byte[] pixels, int side) => Image.FromRgb(pixels, side, side);

    private static string Line(string image, ShelfQuestion question)
    {
        using MemoryStream line = new();
        using (Utf8JsonWriter json = new(line, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("image", image);
            json.WriteString("question", question.Question);
            json.WriteString("answer", question.Answer);
            json.WriteString("type", ShelfQuestion.NameOf(question.Type));
            json.WriteEndObject();
        }

        return System.Text.Encoding.UTF8.GetString(line.ToArray()) + "\n";
    }
}
