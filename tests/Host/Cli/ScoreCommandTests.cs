using System.Text.Json;

namespace Aperture.Host.Tests.Cli;

/// <summary><c>aperture score</c>: tables, JSON, every caption's scores, and messages.</summary>
public sealed class ScoreCommandTests : IDisposable
{
    private static readonly string _captions = Repository.Path("scripts", "data", "captions", "captions.json");
    private static readonly string _references = Repository.Path("scripts", "data", "captions", "references.json");

    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-score-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Scores_are_a_table_or_json()
    {
        (int code, string output, string error) = await CommandInProcess.Run("score", _captions, _references);
        Assert.Equal((0, ""), (code, error));
        Assert.Contains("BLEU-4  ROUGE-L  CIDEr-D", output, StringComparison.Ordinal);
        Assert.Contains("CIDEr-D is what papers report as CIDEr.", output, StringComparison.Ordinal);

        (_, output, _) = await CommandInProcess.Run("score", _captions, _references, "--json");
        using JsonDocument json = JsonDocument.Parse(output);
        Assert.Equal(3, json.RootElement.GetProperty("captions").GetInt32());
        Assert.InRange(json.RootElement.GetProperty("BLEU-1").GetDouble(), 0.5, 0.9);
    }

    [Fact]
    public async Task Every_captions_scores_go_to_a_file_and_rarity_comes_from_one()
    {
        string each = At("each.json"), rare = At("rare.json");
        File.WriteAllText(rare, """{"1": ["a red ball on the top shelf", "a red ball"], "2": ["a red box"], "3": ["a red cup"]}""");

        (int code, string output, _) = await CommandInProcess.Run("score", _captions, _references, "--json", "--each", each);
        (_, string other, _) = await CommandInProcess.Run("score", _captions, _references, "--json", "--rarity", rare);

        Assert.Equal(0, code);
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(each));
        Assert.Equal(["1", "2", "3"], json.RootElement.EnumerateArray().Select(one => one.GetProperty("image_id").GetString()));
        Assert.NotEqual(Cider(output), Cider(other));
    }

    [Fact]
    public async Task What_is_tokenised_is_taken_as_it_is()
    {
        string captions = At("captions.json"), references = At("references.json");
        File.WriteAllText(captions, """{"1": "A Dog, running"}""");
        File.WriteAllText(references, """{"1": ["a dog running"]}""");

        (_, string cut, _) = await CommandInProcess.Run("score", captions, references, "--json");
        (_, string taken, _) = await CommandInProcess.Run("score", captions, references, "--json", "--tokenised");

        Assert.Contains("\"ROUGE-L\":1", cut, StringComparison.Ordinal);
        Assert.DoesNotContain("\"ROUGE-L\":1,", taken, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_scored_is_one_line()
    {
        (int code, string output, string error) = await CommandInProcess.Run("score", "nowhere.json", _references);

        Assert.Equal((1, ""), (code, output));
        Assert.StartsWith("error: There is no file 'nowhere.json'; give captions as JSON", error, StringComparison.Ordinal);
        Assert.Single(error.TrimEnd('\n').Split('\n'));
    }

    private static double Cider(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return document.RootElement.GetProperty("CIDEr-D").GetDouble();
    }

    private string At(string name) => Path.Combine(_folder, name);
}
