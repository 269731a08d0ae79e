using System.Text.Json;
using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Golden.Tests.BaseModels;
using Aperture.Golden.Tests.FitPrune;
using Aperture.Models;
using Aperture.Requests;
using Aperture.Sequences;
using Aperture.Tasks;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.DyVte;

/// <summary>From pictures to answers, gates as they are.</summary>
public sealed class EndToEndRunner : IGoldenRunner
{
    private const string TowerPrefix = "model.vision_tower.vision_tower.vision_model.";
    private const int EveryVisualRow = 19; // where only some of the visual rows were recorded

    public string Area => "dyvte";

    public string Kind => "end_to_end";

    public void Run(GoldenCase golden)
    {
        using IDisposable grad = no_grad();
        using DisposeScope scope = NewDisposeScope();
        JsonElement config = golden.Config;
        using Ops ops = new(CPU, ScalarType.Float32, threads: 1);
        DecoderSpec parsed = DecoderSpec.Parse(config.GetProperty("decoder"), golden.Name);
        using Decoder decoder = new(
            parsed, DecoderWeights.Load(golden.Weights(), "model.", "lm_head", parsed, new WeightPolicy(CPU, ScalarType.Float32, ScalarType.Float32)), ops,
            RecordedDecoder.InfoOf(parsed));
        List<int> executed = [];
        for (int request = 0; golden.Has($"in.image.{request}"); request++)
        {
            executed.Add(Answer(golden, decoder, ops, request));
        }

        golden.Compare("out.mean_executed_visual_layers", tensor((float)executed.Average()));
    }

    // Answers one request and gives the number of layers that ran its visual rows.
    private static int Answer(GoldenCase golden, Decoder decoder, Ops ops, int request)
    {
        JsonElement config = golden.Config;
        using VisualTokens image = RecordedPicture.See(golden, $"in.image.{request}", TowerPrefix, decoder.Info.HiddenSize, ops, (name, actual) =>
        {
            if (golden.Has($"mid.{name}.{request}"))
            {
                golden.Compare($"mid.{name}.{request}", actual);
            }
        });
        int[] ids = [.. golden.Get($"in.input_ids.{request}").data<long>().ToArray().Select(id => (int)id)];
        using PackedPrompt prompt = Packing.Pack(decoder, ids, config.Int("image_token_id"), 1, [image]);
        Assert.Equal(config.GetProperty("text_after")[request].GetInt32(), prompt.Layout.TextRowsAfterImage().Length);
        CompareRows(golden, prompt, $"mid.inputs_embeds.{request}");

        using ITokenReducer reducer = GateCase.Reducer(golden, decoder.Info.HiddenSize);
        using ExitTrace trace = new();
        GenerationOptions options = new() { MaxNewTokens = config.Int("max_new_tokens"), EndOfSequence = [config.Int("eos")] };
        GeneratedSequence answer = new TokenGenerator(decoder).Generate(
            new GenerationInput(prompt.Rows.clone(), [prompt.Layout]), options, new GenerationControl { KeepLogits = true },
            HookTableBuilder.Build(decoder.Info, [reducer]), trace).Sequences[0];
        golden.CompareExact($"out.exit_layer.{request}", tensor((long)trace.ExitLayer));
        golden.CompareExact($"out.tokens.{request}", CaseNames.Whole(answer.Tokens));
        golden.Compare($"out.logits.{request}", stack([.. answer.Logits!.Select(step => tensor(step))], 0));
        foreach (int layer in golden.Numbers($"mid.gate_logits.{request}"))
        {
            golden.Compare($"mid.gate_feature.{request}.{layer}", trace["dyvte.feature", layer]);
            golden.Compare($"mid.gate_logits.{request}.{layer}", trace["dyvte.logits", layer]);
        }

        return trace.ExitLayer < 0 ? decoder.Info.Layers : trace.ExitLayer + 1;
    }

    private static void CompareRows(GoldenCase golden, PackedPrompt prompt, string name)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor rows = prompt.Rows;
        if (golden.Get(name).size(1) != prompt.Layout.Count)
        {
            long[] some = [.. prompt.Layout.VisualRows().Where((_, i) => i % EveryVisualRow == 0).Select(row => (long)row)];
            rows = rows.index_select(0, tensor(some));
        }

        golden.Compare(name, rows.unsqueeze(0));
    }
}
