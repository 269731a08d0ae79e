using System.Text.Json;
using Aperture.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.DtNet;

/// <summary>Captions in a case's description.</summary>
internal static class RecordedCaptions
{
    /// <summary>Sentences by id; one sentence counts as a list of one.</summary>
    public static IEnumerable<KeyValuePair<string, IReadOnlyList<string>>> Lists(JsonElement captions) => captions.EnumerateObject().Select(
        pair => KeyValuePair.Create(pair.Name, pair.Value.ValueKind == JsonValueKind.Array
            ? (IReadOnlyList<string>)[.. pair.Value.EnumerateArray().Select(text => text.GetString()!)]
            : [pair.Value.GetString()!]));

    /// <summary>Captions with their references.</summary>
    public static CaptionedItem[] Items(JsonElement captions, JsonElement references)
    {
        Dictionary<string, IReadOnlyList<string>> known = Lists(references).ToDictionary();
        return [.. Lists(captions).Select(pair => new CaptionedItem(pair.Key, pair.Value.Single(), known[pair.Key]))];
    }

    public static Tensor Vector(IEnumerable<double> values) => tensor(values.ToArray());
}

/// <summary>CIDEr-D with rarity counted in the scored captions' references, and in others.</summary>
public sealed class CiderRunner : IGoldenRunner
{
    public string Area => "dtnet";

    public string Kind => "cider";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        CaptionedItem[] items = RecordedCaptions.Items(golden.Meta.GetProperty("hypotheses"), golden.Meta.GetProperty("references"));
        Compare(golden, "", Cider.Score(items));
        Compare(
            golden, "_train_df",
            new Cider([.. RecordedCaptions.Lists(golden.Meta.GetProperty("train_references")).Select(pair => pair.Value)]).ScoreAll(items));
    }

    private static void Compare(GoldenCase golden, string suffix, CaptionScore score)
    {
        golden.Compare("out.score" + suffix, tensor(score.Total));
        golden.Compare("out.scores" + suffix, RecordedCaptions.Vector(score.Each));
    }
}

/// <summary>From sentences as people wrote them to all scores: tokenizer, BLEU, ROUGE-L and CIDEr.</summary>
public sealed class MetricsRunner : IGoldenRunner
{
    public string Area => "dtnet";

    public string Kind => "metrics";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        IReadOnlyList<CaptionedItem> items = CaptionFile.Join(
            [.. RecordedCaptions.Lists(golden.Meta.GetProperty("hypotheses"))], [.. RecordedCaptions.Lists(golden.Meta.GetProperty("references"))]);
        foreach ((CaptionedItem expected, CaptionedItem item) in RecordedCaptions.Items(
            golden.Meta.GetProperty("hypotheses_tokenized"), golden.Meta.GetProperty("references_tokenized")).Zip(items))
        {
            Assert.Equal(expected.Caption, item.Caption);
            Assert.Equal(expected.References, item.References);
        }

        CaptionScores scores = CaptionScores.Of(items);
        golden.Compare("out.bleu", RecordedCaptions.Vector(scores.Bleu.Select(score => score.Total)));
        golden.Compare("out.bleu_per_image", tensor(scores.Bleu.SelectMany(score => score.Each).ToArray(), [scores.Bleu.Count, items.Count]).t());
        golden.Compare("out.rouge_l", tensor(scores.RougeL.Total));
        golden.Compare("out.rouge_l_per_image", RecordedCaptions.Vector(scores.RougeL.Each));
        golden.Compare("out.cider", tensor(scores.CiderD.Total));
        golden.Compare("out.cider_per_image", RecordedCaptions.Vector(scores.CiderD.Each));
        if (golden.Has("out.meteor"))
        {
            golden.NotCompared("out.meteor*", "METEOR's synonyms and paraphrases are not at hand");
        }
    }
}

/// <summary>The tokenizer of the scorers, line by line.</summary>
public sealed class PtbTokenizerRunner : IGoldenRunner
{
    public string Area => "dtnet";

    public string Kind => "ptb_tokenizer";

    public void Run(GoldenCase golden)
        => Assert.Equal(
            golden.Meta.GetProperty("tokenized").EnumerateArray().Select(line => line.GetString()!),
            golden.Meta.GetProperty("captions").EnumerateArray().Select(line => PtbTokenizer.Tokenize(line.GetString()!)));
}

/// <summary>BLEU, ROUGE-L and CIDEr of captions that are tokenised already.</summary>
public sealed class CaptionMetricsRunner : IGoldenRunner
{
    public string Area => "text";

    public string Kind => "caption_metrics";

    public void Run(GoldenCase golden)
    {
        JsonElement meta = golden.Meta;
        CaptionedItem[] items = RecordedCaptions.Items(meta.GetProperty("hypotheses"), meta.GetProperty("references"));
        IReadOnlyList<CaptionScore> bleu = Bleu.Score(items);
        for (int n = 0; n < bleu.Count; n++)
        {
            Near(golden, meta.GetProperty("bleu")[n].GetDouble(), bleu[n].Total);
            Near(golden, meta.GetProperty("bleu_per_caption")[n], bleu[n].Each);
        }

        CaptionScore rouge = RougeL.Score(items), cider = Cider.Score(items);
        Near(golden, meta.GetProperty("rouge_l").GetDouble(), rouge.Total);
        Near(golden, meta.GetProperty("rouge_per_caption"), rouge.Each);
        Near(golden, meta.GetProperty("cider").GetDouble(), cider.Total);
        Near(golden, meta.GetProperty("cider_per_caption"), cider.Each);
        foreach (JsonProperty single in meta.EnumerateObject().Where(entry => entry.Name.StartsWith("bleu_single_caption_", StringComparison.Ordinal)))
        {
            string id = single.Name["bleu_single_caption_".Length..];
            Near(golden, single.Value, [.. Bleu.Score([items.Single(item => item.Id == id)]).Select(score => score.Total)]);
        }
    }

    private static void Near(GoldenCase golden, JsonElement expected, IReadOnlyList<double> actual)
    {
        Assert.Equal(expected.GetArrayLength(), actual.Count);
        for (int i = 0; i < actual.Count; i++)
        {
            Near(golden, expected[i].GetDouble(), actual[i]);
        }
    }

    private static void Near(GoldenCase golden, double expected, double actual)
        => Assert.True(Math.Abs(expected - actual) <= golden.Tolerance * Math.Max(Math.Abs(expected), 1e-6), $"{actual:R}, expected {expected:R}");
}
