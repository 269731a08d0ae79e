using System.Text;
using Aperture.Data;
using Aperture.Hub;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Tasks;
using Aperture.Training;

namespace Aperture.Engine.Tests.Fuzzing;

/// <summary>The engine's readers of other people's texts, on texts that were changed at random.</summary>
public sealed class LineFuzzTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("aperture-fuzz-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Questions() => InFile(
        """
        {"image": "a.png", "question": "q", "answer": 3, "type": "count", "question_id": "i"}
        {"text": "t", "answers": [{"answer": "a"}, "b"], "choices": ["x", "y"], "hint": "h"}
        """,
        file => QuestionFile.Read(file, needAnswers: false));

    [Fact]
    public void Samples_of_tasks() => InFile(
        """
        {"image": ["a.png", "b.png"], "text": "t", "answer": {"yes": 0.5, "no": 1}, "more": [1]}
        {"image": "a.png", "question": "q", "answer": "a"}
        """,
        file => TaskSamples.Read(file));

    [Fact]
    public void Samples_of_training() => InFile(
        """[{"id": "1", "image": "a.png", "conversations": [{"from": "human", "value": "<image>\nq"}, {"from": "gpt", "value": "a"}]}]""",
        file => TrainingFile.Read(file),
        ".json");

    [Fact]
    public void Pipelines_in_writing() => Text(
        """{"model": "m", "methods": [{"name": "fitprune", "options": {"Reduction": 0.5}}]}""", json => PipelineSpec.Parse(json));

    [Fact]
    public void Lists_of_plugins() => Fuzz.Run(
        [Encoding.UTF8.GetBytes("""{ "plugins": [{ "id": "a", "folder": "A", "enabled": true, "options": { "x": 1 } }, { "id": "b", "folder": "../B" }] }""")],
        json => PluginCatalog.Parse(json, "/home/app/plugins.json"),
        isText: true);

    [Fact]
    public void Answers_of_a_hub()
    {
        string answer = $$"""
            {"sha": "{{new string('a', 40)}}", "siblings": [{"rfilename": "config.json", "size": 3, "blobId": "b"},
            {"rfilename": "m.safetensors", "lfs": {"size": 9, "sha256": "c"} } ]}
            """;
        Fuzz.Run([Encoding.UTF8.GetBytes(answer)], Parse, isText: true);

        static void Parse(byte[] json)
        {
            try
            {
                HubTree.ParseAnswer(json);
            }
            catch (System.Text.Json.JsonException error)
            {
                throw new ApertureException(error.Message, error); // as whoever asks the hub tells it
            }
        }
    }

    private static void Text(string seed, Action<string> read)
        => Fuzz.Run([Encoding.UTF8.GetBytes(seed)], file => read(Encoding.UTF8.GetString(file)), isText: true);

    private void InFile(string seed, Action<string> read, string extension = ".jsonl") => Fuzz.Run(
        [Encoding.UTF8.GetBytes(seed)],
        file =>
        {
            string path = _folder.FullName + "/changed" + extension;
            File.WriteAllBytes(path, file);
            read(path);
        },
        isText: true);
}
