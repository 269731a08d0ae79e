using System.Globalization;
using System.Text.RegularExpressions;
using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Golden.Tests.BaseModels;
using Aperture.Models;
using Aperture.Plugins.LlavaHr;
using Aperture.Sequences;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.LlavaHr;

/// <summary>LLaVA-HR-X: another epsilon in the ConvNeXt's norms, told by the tower's name.</summary>
public sealed class HrExtraLargeRunner : HrEncoderRunner
{
    public override string Kind => "hrx_xxl";
}

/// <summary>LLaVA-HR from pixels to tokens: every step inside the encoder, projector, logits, greedy answers.</summary>
public partial class HrEncoderRunner : IGoldenRunner
{
    private const string Clip = "model.vision_tower.fast_vision_tower.vision_tower.vision_model.embeddings.";
    private const int ProbedRows = 37, ProbedColumns = 41; // every so many of the low-resolution picture

    public string Area => "llava-hr";

    public virtual string Kind => "hr_encoder";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        using Model model = RecordedHr.Open(golden);
        using VisionValues values = new();
        using Tensor pixels = RecordedHr.Pixels(golden);
        HighResolutionEncoder encoder = RecordedHr.Encoder(model);
        int layers = golden.Config.GetProperty("clip").GetProperty("num_hidden_layers").GetInt32();
        Tensor? embedded = null; // made inside of the encoder's own scope
        using RequestContext request = new(model.Decoder.Info, (int)pixels.size(0), null, values, CancellationToken.None);
        IReadOnlyList<VisionFeatures> features = encoder.EncodePixels(pixels, null, new VisionRequest
        {
            Request = request,
            HiddenStates = new HashSet<int>(Enumerable.Range(0, layers + 1)),
            Hooks = new VisionTrunkHooks { AfterEmbedding = (_, rows) => Keep(rows) },
        }, CancellationToken.None);
        VisualTokens[] images = [.. features.Select(model.Projector.Project)];
        if (golden.Config.TryGetProperty("fast_image_size", out System.Text.Json.JsonElement fast))
        {
            Assert.Equal(fast.GetInt32(), encoder.Settings.Size.FastSide);
        }

        CompareVision(golden, values, features, WithClass(golden, embedded!), layers / 4);
        foreach (string name in golden.Names.Where(name => name.StartsWith("out.features", StringComparison.Ordinal)).ToList())
        {
            golden.Compare(name, Some(golden, name, stack([.. features.Select(own => own.Tokens)], 0)));
        }

        foreach (string name in golden.Names.Where(name => name.StartsWith("out.projected", StringComparison.Ordinal)).ToList())
        {
            golden.Compare(name, Some(golden, name, stack([.. images.Select(own => own.Rows)], 0)));
        }

        CompareDecoder(golden, model, images);
        embedded!.Dispose();
        foreach (IDisposable owned in features.Cast<IDisposable>().Concat(images))
        {
            owned.Dispose();
        }

        Tensor? Keep(Tensor rows)
        {
            embedded = rows.clone().DetachFromDisposeScope();
            return null;
        }
    }

    private static void CompareVision(GoldenCase golden, VisionValues values, IReadOnlyList<VisionFeatures> features, Tensor embedded, int quarter)
    {
        foreach (string name in golden.Names.Where(name => name.StartsWith("mid.", StringComparison.Ordinal) && name != "mid.pixels_probe").ToList())
        {
            string value = name["mid.".Length..];
            Match adapter = Adapter().Match(value), block = Block().Match(value);
            Tensor actual = adapter.Success ? OfAdapter(golden, name, values, adapter.Groups[1].Value, adapter.Groups[2].Value)
                : block.Success ? OfBlock(values, features, int.Parse(block.Groups[1].ValueSpan, CultureInfo.InvariantCulture), quarter)
                : value switch
                {
                    "fast.embeddings" => embedded,
                    "fast.embeddings_rows" => Some(golden, name, embedded.narrow(1, 1, embedded.size(1) - 1)), // without the class token's
                    "fast.pre_layrnorm" => State(features, 0),
                    "fast.lowres_probe" => Probe(values["low"]),
                    "align.fast_proj" => values["align.fast"],
                    "align.slow_proj" => values["align.slow"],
                    _ => values[value], // slow.stem, slow.stage3
                };
            golden.Compare(name, actual);
        }
    }

    private static Tensor OfAdapter(GoldenCase golden, string name, VisionValues values, string adapter, string part)
    {
        string own = part switch { "gate_raw" => "gate", "slow_proj" => "slow", "slow_aligned" => "aligned", "fast_proj" => "fast", _ => part };
        Tensor value = values[$"adapter{adapter}.{own}"];
        return golden.Get(name).dim() == 4 ? Map(value) : value;
    }

    // What a block gives itself: where an adapter follows, what that got.
    private static Tensor OfBlock(VisionValues values, IReadOnlyList<VisionFeatures> features, int block, int quarter)
        => (block + 1) % quarter == 0 && (block + 1) / quarter <= HighResolutionParts.AdapterCount
            ? values[$"adapter{((block + 1) / quarter) - 1}.in"]
            : State(features, block + 1);

    private static void CompareDecoder(GoldenCase golden, Model model, IReadOnlyList<VisualTokens> images)
    {
        if (!golden.Has("in.input_ids"))
        {
            return;
        }

        PackedPrompt[] sequences = RecordedLlava.Assemble(model, PaddedBatch.Rows(golden.Get("in.input_ids")), images, 1);
        Tensor rows = RecordedLlava.Pack(sequences);
        SequenceLayout[] layouts = [.. sequences.Select(sequence => sequence.Layout)];
        using (RequestContext request = new(model.Decoder.Info, layouts, null, null, null))
        {
            Tensor logits = RecordedLlava.Prefill(model, layouts, rows, request, out _).view(layouts.Length, layouts[0].Count, -1);
            foreach (string name in golden.Names.Where(name => name.StartsWith("out.logits_", StringComparison.Ordinal)).ToList())
            {
                long count = golden.Get(name).size(1);
                golden.Compare(
                    name,
                    name == "out.logits_at_positions"
                        ? logits.index_select(1, golden.Get("in.logit_positions"))
                        : logits.narrow(1, logits.size(1) - count, count)); // out.logits_last32
            }
        }

        Tensor tokens = golden.Get("out.greedy_tokens");
        GenerationResult result = RecordedLlava.Greedy(model, layouts, rows, (int)tokens.size(1));
        golden.CompareExact("out.greedy_tokens", RecordedLlava.Ids(result));
        golden.Compare("out.greedy_logits", RecordedLlava.Logits(result));
        Array.ForEach(sequences, sequence => sequence.Dispose());
    }

    // The recorded rows still hold the class token's, which the encoder never makes: its weights give it.
    private static Tensor WithClass(GoldenCase golden, Tensor embedded)
    {
        Weights.IWeightSource weights = golden.Weights();
        Tensor row = weights.Load(Clip + "class_embedding").add(weights.Load(Clip + "position_embedding.weight")[0]);
        return cat([row.view(1, 1, -1).expand(embedded.size(0), 1, -1), embedded], 1); // [B, n, C] -> [B, 1 + n, C]
    }

    private static Tensor Some(GoldenCase golden, string name, Tensor rows)
        => name.EndsWith("_rows", StringComparison.Ordinal) ? rows.index_select(1, golden.Get("in.rows")) : rows;

    private static Tensor State(IReadOnlyList<VisionFeatures> features, int state) => stack([.. features.Select(own => own.HiddenStates[state])], 0);

    // Rows and columns at distances, of the first picture.
    private static Tensor Probe(Tensor low)
    {
        Tensor first = low[0];
        return first.index_select(1, arange(0, first.size(1), ProbedRows)).index_select(2, arange(0, first.size(2), ProbedColumns));
    }

    // [B, side², C] -> [B, C, side, side]
    private static Tensor Map(Tensor rows) => MapAlignment.ToMap(rows, (int)Math.Round(Math.Sqrt(rows.size(1))));

    [GeneratedRegex(@"^mra(\d+)\.(.+)$")]
    private static partial Regex Adapter();

    [GeneratedRegex(@"^fast\.block(\d+)$")]
    private static partial Regex Block();
}
