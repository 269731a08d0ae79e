using System.Text.Json;
using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Golden.Tests.BaseModels;
using Aperture.Models;
using Aperture.Requests;
using Aperture.Sequences;
using Aperture.Tasks;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.FitPrune;

/// <summary>From a picture to an answer, with several recipes.</summary>
public sealed class EndToEndRunner : IGoldenRunner
{
    public string Area => "fitprune";

    public string Kind => "end_to_end";

    public void Run(GoldenCase golden)
    {
        using IDisposable grad = no_grad();
        JsonElement config = golden.Config;
        using PrunedDecoder model = new(config.GetProperty("decoder"), golden.Weights(), config.Int("visual_tokens"));
        using VisualTokens image = RecordedPicture.See(
            golden, "in.image", "vision_model.", model.Decoder.Info.HiddenSize, model.Ops, (name, actual) => golden.Compare($"mid.{name}", actual));
        int[] ids = [.. golden.Get("in.input_ids").data<long>().ToArray().Select(id => (int)id)];
        using PackedPrompt prompt = Packing.Pack(model.Decoder, ids, config.Int("image_token_id"), 1, [image]);
        Compare(golden, "mid.inputs_embeds", prompt.Rows.unsqueeze(0));
        Assert.Equal(config.Int("prefix"), prompt.Layout.VisualRows()[0]);
        Assert.Equal(config.Int("text_after"), prompt.Layout.TextRowsAfterImage().Length);
        foreach (JsonProperty run in config.GetProperty("runs").EnumerateObject())
        {
            Answer(golden, config, model, prompt, run);
        }
    }

    private static void Answer(GoldenCase golden, JsonElement config, PrunedDecoder model, PackedPrompt prompt, JsonProperty run)
    {
        int prefix = config.Int("prefix");
        int[] delete = run.Value.Ints("delete");
        using ITokenReducer reducer = model.Reducer(delete);
        using PruningTrace trace = new(new HashSet<int>());
        HookTable table = HookTableBuilder.Build(model.Decoder.Info, [reducer]);
        GenerationOptions options = new() { MaxNewTokens = config.Int("max_new_tokens"), EndOfSequence = [config.Int("eos")] };

        GenerationResult result = new TokenGenerator(model.Decoder).Generate(
            new GenerationInput(prompt.Rows.clone(), [prompt.Layout]), options, new GenerationControl { KeepLogits = true }, table, trace);

        GeneratedSequence sequence = result.Sequences[0];
        using Tensor tokens = CaseNames.Whole(sequence.Tokens);
        golden.CompareExact($"out.{run.Name}.tokens", tokens);
        float[] logits = [.. sequence.Logits!.SelectMany(step => step)];
        Compare(golden, $"out.{run.Name}.logits", tensor(logits, [sequence.Tokens.Length, model.Decoder.Info.VocabularySize]));
        int[][] kept = [.. trace.Leaving.Select(layout => VisualTokensOf(layout, prefix))];
        int[][] entering = [.. trace.Entering.Select(layout => VisualTokensOf(layout, prefix))];
        using Tensor counts = CaseNames.Whole(kept.Select(left => left.Length));
        golden.CompareExact($"out.{run.Name}.kept_count", counts);
        using Tensor last = CaseNames.Whole(kept[^1]);
        golden.CompareExact($"out.{run.Name}.kept_last", last);
        foreach (int layer in golden.Numbers($"mid.{run.Name}.deleted"))
        {
            string name = $"mid.{run.Name}.deleted.{layer}";
            Assert.Equal(golden.Get(name).data<long>().ToArray().Order(), entering[layer].Except(kept[layer]).Select(token => (long)token));
            golden.NotCompared(name, "compared as a set");
        }
    }

    private static int[] VisualTokensOf(SequenceLayout layout, int prefix) => [.. layout.VisualRows().Select(row => layout.Original[row] - prefix)];

    private static void Compare(GoldenCase golden, string name, Tensor actual)
    {
        using (actual)
        {
            golden.Compare(name, actual);
        }
    }
}
