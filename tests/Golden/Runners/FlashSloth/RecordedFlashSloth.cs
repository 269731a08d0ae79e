using System.Text.Json;
using Aperture.Decoding;
using Aperture.Golden.Tests.Vision;
using Aperture.Models;
using Aperture.Plugins.FlashSloth;
using Aperture.Plugins.FlashSloth.Embq;
using Aperture.Plugins.FlashSloth.Family;
using Aperture.Plugins.FlashSloth.Sap;
using Aperture.Requests;
using Aperture.Tasks;
using Aperture.Training;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.FlashSloth;

/// <summary>A case's FlashSloth, opened through the family's door, with its inputs. Owns the model.</summary>
internal sealed class RecordedFlashSloth : IDisposable
{
    private readonly GoldenCase _golden;

    public RecordedFlashSloth(GoldenCase golden)
        : this(golden, ConfigOf(golden), golden.Weights())
    {
    }

    public RecordedFlashSloth(GoldenCase golden, FlashSlothConfig config, IWeightSource weights)
    {
        _golden = golden;
        ModelOpening opening = new(CPU, ScalarType.Float32, threads: 1);
        Weights = weights;
        int query = golden.Config.GetProperty("learnable_token").GetInt32();
        Model = Model.Assemble("recorded", FlashSlothFamily.Parts(config, weights, opening, queryToken: query), opening);
        Ids = [.. Rows(golden.Get("in.input_ids")).Select((ids, sample) => Real(ids, sample))];
        Labels = golden.Has("in.labels") ? [.. Rows(golden.Get("in.labels")).Select((ids, sample) => Real(ids, sample))] : [];
    }

    public Model Model { get; }

    public IWeightSource Weights { get; }

    /// <summary>Ids of each sample without padding.</summary>
    public int[][] Ids { get; }

    /// <summary>Labels of each sample without padding; none outside training.</summary>
    public int[][] Labels { get; }

    public FlashSlothEncoder Encoder => (FlashSlothEncoder)Model.Encoder;

    /// <summary>The configuration that a case describes.</summary>
    public static FlashSlothConfig ConfigOf(GoldenCase golden)
    {
        JsonElement config = golden.Config;
        bool hd = config.TryGetProperty("pixels", out JsonElement pixels) && pixels.GetProperty("shape").GetArrayLength() == 5;
        return FlashSlothConfig.Parse(config.GetProperty("phi"), golden.Name) with
        {
            Vision = SiglipVision.Parse(config.GetProperty("siglip"), golden.Name),
            SelectLayer = config.GetProperty("mm_vision_select_layer").GetInt32(),
            Hd = hd,
            BaseToken = config.GetProperty("dot_token").GetInt32(),
        };
    }

    /// <summary>The options that a case describes; questions as the official code takes them when it answers.</summary>
    public FlashSlothOptions Options(bool embq = true) => new()
    {
        PoolSize = _golden.Config.GetProperty("sap_pool").GetInt32(),
        InjectLayer = _golden.Config.GetProperty("embq").GetProperty("inject_layer").GetInt32(),
        QuestionRange = QuestionRange.FirstTurn,
        EmbQ = embq,
    };

    /// <summary>The model's own method; the caller disposes it.</summary>
    /// <param name="options">Its options.</param>
    /// <param name="source">Its weights; null for the checkpoint's.</param>
    public FlashSlothReducer Method(FlashSlothOptions options, IWeightSource? source = null)
    {
        IWeightSource weights = source ?? Weights;
        return new FlashSlothReducer(
            options,
            new TypedWeights<SpatialPooling>(weights, SpatialPooling.Load, owns: false),
            options.EmbQ ? EmbqFactory.Block(weights, Model.Decoder.Info, options.FuseValueProjection, owns: false) : null);
    }

    /// <summary>Features of all pictures, those of samples that show none included; the caller disposes them.</summary>
    public IReadOnlyList<VisionFeatures> Encode()
    {
        Tensor pixels = GeneratedTensor.Make(_golden.Config.GetProperty("pixels"));
        _golden.CompareExact("mid.pixels_probe", pixels.flatten().narrow(0, 0, 16));
        int side = (int)pixels.size(-1);
        VisionInput[] inputs =
        [
            .. Enumerable.Range(0, (int)pixels.size(0)).Select(i => new VisionInput(
                new Dictionary<string, Tensor> { ["pixels"] = pixels.dim() == 5 ? pixels[i] : pixels.narrow(0, i, 1) }, side, side)),
        ];
        return Encoder.Encode(inputs, VisionRequest.Plain, CancellationToken.None);
    }

    /// <summary>Brings the samples to where they enter the decoder.</summary>
    /// <param name="path">The request's path.</param>
    /// <param name="features">Features of the pictures, one a sample.</param>
    /// <param name="trace">Who listens.</param>
    /// <param name="show">Gets the tokens of each picture that is shown.</param>
    /// <param name="cache">Rows expected after the prompt; null to run without a cache.</param>
    public EnteredRequest Enter(
        RequestPath path, IReadOnlyList<VisionFeatures> features, IDecoderTrace? trace = null, Action<VisualTokens>? show = null, int? cache = null)
    {
        EnteredRequest entered = new(path.Begin(Ids.Length, trace, CancellationToken.None));
        int projected = 0;
        for (int i = 0; i < Ids.Length; i++)
        {
            IReadOnlyList<VisualTokens> tokens = path.Project(
                entered.Request, i, Ids[i].Contains(Model.Packer.ImageToken) ? [features[i]] : [], ref projected);
            tokens.ToList().ForEach(own => show?.Invoke(own));
            entered.Add(path.Pack(Ids[i], tokens));
        }

        entered.Enter(cache is { } rows ? new KvCache(Model.Decoder.Spec.Layers, Ids.Length, rows) : null);
        return entered;
    }

    /// <summary>Labels of all rows, packed.</summary>
    public long[] LabelsOf(EnteredRequest entered)
        => [.. Ids.SelectMany((ids, i) => TrainingRows.LabelsOf(new LabelledPrompt(ids, Labels[i]), entered.Layouts[i], Model.Packer))];

    /// <summary>A recorded tensor <c>[samples, rows, …]</c> with each sample's rows from packed ones; those of padding stay.</summary>
    public static Tensor Filled(Tensor recorded, Tensor packed, IReadOnlyList<int> counts)
    {
        Tensor filled = recorded.clone();
        int first = 0;
        for (int sample = 0; sample < counts.Count; sample++)
        {
            filled[sample].narrow(0, 0, counts[sample]).copy_(packed.narrow(0, first, counts[sample]));
            first += counts[sample];
        }

        return filled;
    }

    public void Dispose() => Model.Dispose();

    private int[] Real(int[] ids, int sample)
    {
        if (!_golden.Has("in.attention_mask"))
        {
            return ids;
        }

        byte[] mask = _golden.Get("in.attention_mask")[sample].data<byte>().ToArray();
        return [.. ids.Where((_, i) => mask[i] != 0)];
    }

    private static int[][] Rows(Tensor ids)
        => [.. Enumerable.Range(0, (int)ids.size(0)).Select(row => ids[row].data<long>().ToArray().Select(id => (int)id).ToArray())];
}
