using Aperture.Data;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Requests;
using Aperture.Tasks;
using Aperture.Training;
using Aperture.Vision;
using TorchSharp;
using static Aperture.Workshop.ShelfArchitecture;
using static TorchSharp.torch;

namespace Aperture.Workshop;

/// <summary>Forwards of the small model through the product's own tower, projector and decoder. Results live in the caller's dispose scope.</summary>
internal sealed class ShelfForward : IDisposable
{
    // CLIP's normalisation.
    private static readonly float[] _mean = [0.48145466f, 0.4578275f, 0.40821073f], _deviation = [0.26862954f, 0.26130258f, 0.27577711f];

    private const double Sharpness = 4, WordNoise = 0.09;

    private readonly ShelfTokenizer _tokenizer;
    private readonly ShelfParameters _parameters;
    private readonly Ops _plain;
    private readonly Ops _ops;
    private readonly Tensor _kinds;
    private readonly Tensor _colors;
    private readonly Tensor _rows;
    private readonly Tensor _columns;
    private readonly Generator _noise;

    public ShelfForward(ShelfTokenizer tokenizer, ShelfParameters parameters, ScalarType compute)
    {
        _tokenizer = tokenizer;
        _parameters = parameters;
        _plain = new Ops(CPU, compute, threads: 1);
        _ops = _plain.ForTraining();
        _kinds = Ids([.. ShelfWords.Kinds, "nothing"]);
        _colors = Ids([.. ShelfWords.Colors, "nothing"]);
        _rows = Ids(ShelfWords.Rows);
        _columns = Ids(ShelfWords.Columns);
        _noise = new Generator(0);
    }

    public ScalarType Compute => _ops.Type;

    public ShelfParameters Parameters => _parameters;

    /// <summary>Draws a batch for this model; see <see cref="ShelfBatch.Draw"/>. The caller disposes it.</summary>
    public ShelfBatch Draw(FashionItems? items, ShelfStageOptions options, int patchesPerPlace, double[] weights, SeededRandom random)
        => ShelfBatch.Draw(_tokenizer, items, options, patchesPerPlace, weights, ShelfArchitecture.Decoder(_parameters.Vocabulary).KeyValueHeads, random);

    /// <summary>The vision stage's loss: each projected patch against the embeddings of the words that describe its place.</summary>
    public (Tensor Loss, double KindAccuracy, double ColorAccuracy) DescribePatches(ShelfScene[] scenes, byte[][] pictures)
    {
        Tensor patches = Project(Features(pictures, frozen: false)).to_type(ScalarType.Float32).view(-1, Width); // [pictures * patches, d]
        List<long> kinds = [], colors = [], rows = [], columns = [];
        foreach (ShelfScene scene in scenes)
        {
            for (int patch = 0; patch < Patches; patch++)
            {
                int place = PlaceOf(patch);
                kinds.Add(scene.Kind(place) < 0 ? ShelfWords.Kinds.Count : scene.Kind(place));
                colors.Add(scene.Color(place) < 0 ? ShelfWords.Colors.Count : scene.Color(place));
                rows.Add(place / ShelfWords.Side);
                columns.Add(place % ShelfWords.Side);
            }
        }

        (Tensor kindLoss, double kindAccuracy) = Classify(patches, _kinds, kinds);
        (Tensor colorLoss, double colorAccuracy) = Classify(patches, _colors, colors);
        (Tensor rowLoss, _) = Classify(patches, _rows, rows);
        (Tensor columnLoss, _) = Classify(patches, _columns, columns);
        return (kindLoss.add(colorLoss).add(rowLoss).add(columnLoss), kindAccuracy, colorAccuracy);
    }

    /// <summary>float32 logits <c>[answer tokens, V]</c>.</summary>
    /// <param name="batch">The questions.</param>
    /// <param name="noiseSeed">Seed of the noise on shelves told in words.</param>
    public Tensor Answer(ShelfBatch batch, long noiseSeed)
    {
        _noise.manual_seed(noiseSeed);
        Tensor visual = batch.Pictures is { } pictures ? Project(Kept(Features(pictures, frozen: true), batch)) : Kept(Told(batch.Scenes), batch);
        DecoderSpec config = ShelfArchitecture.Decoder(_parameters.Vocabulary);
        using ParameterSource source = new(_parameters.Tensors, Compute);
        using Decoder decoder = new(config, DecoderWeights.Load(source, DecoderPrefix, Head, config, Policy), _ops, Info(config));
        long pictureCount = batch.Ids.size(0), text = batch.Ids.size(1) - batch.HeadRows;
        Tensor words = decoder.Embed(batch.Ids.view(-1)).view(pictureCount, -1, Width);
        Tensor rows = cat([words.narrow(1, 0, batch.HeadRows), visual, words.narrow(1, batch.HeadRows, text)], 1).view(-1, Width); // [pictures * rows, d]
        using RequestContext request = new(decoder.Info, batch.Layouts, null, null, null);
        using ForwardState state = decoder.Begin(request, DecoderPhase.Train, batch.Layouts);
        state.Visible = batch.Visible;
        Tensor hidden = decoder.Run(state, rows, CancellationToken.None);
        Tensor answering = hidden.index_select(0, batch.AnswerRows);
        return decoder.Logits(answering, (int)batch.AnswerRows.size(0));
    }

    public void Dispose()
    {
        _plain.Dispose();
        _kinds.Dispose();
        _colors.Dispose();
        _rows.Dispose();
        _columns.Dispose();
        _noise.Dispose();
    }

    private int Width => (int)_parameters.Embeddings.size(1);

    private WeightPolicy Policy => new(CPU, Compute, Compute);

    // [pictures, patches, C] in the type computed in.
    private Tensor Features(byte[][] pictures, bool frozen)
    {
        using IDisposable? quiet = frozen ? no_grad() : null;
        using ParameterSource source = new(_parameters.Tensors, Compute);
        using VisionTransformer tower = new(Tower, ClipVision.Load(source, TowerPrefix, Tower, Policy, FeatureBlocks, postNorm: false), frozen ? _plain : _ops);
        VisionRun run = tower.Run(Pixels(pictures), new VisionRequest { Differentiable = !frozen }, CancellationToken.None);
        return run[FeatureBlocks].narrow(1, 1, Patches); // [pictures, 1 + patches, C] -> [pictures, patches, C]
    }

    private Tensor Project(Tensor features)
    {
        using ParameterSource source = new(_parameters.Tensors, Compute);
        using Projector projector = Projector.Load(source, ProjectorLayers, Tower.HiddenSize, Width, "gelu", bias: true, Policy);
        return projector.Run(features);
    }

    private static Tensor Pixels(byte[][] pictures)
    {
        Tensor bytes = tensor(pictures.SelectMany(picture => picture).ToArray(), [pictures.Length, ShelfPainter.Side, ShelfPainter.Side, 3]);
        Tensor unit = bytes.permute(0, 3, 1, 2).to_type(ScalarType.Float32).div(255);
        return unit.sub(tensor(_mean, [1, 3, 1, 1])).div(tensor(_deviation, [1, 3, 1, 1])).contiguous();
    }

    private static Tensor Kept(Tensor patches, ShelfBatch batch)
    {
        if (batch.Patches[0].Length == Patches)
        {
            return patches;
        }

        long[] index = [.. batch.Patches.SelectMany((kept, picture) => kept.Select(patch => ((long)picture * Patches) + patch))];
        return patches.reshape(-1, patches.size(2)).index_select(0, tensor(index)).view(batch.Patches.Length, -1, patches.size(2));
    }

    // What a perfect eye would see: the words of each patch's place added up, with noise.
    private Tensor Told(ShelfScene[] scenes)
    {
        using IDisposable quiet = no_grad();
        List<long> kinds = [], colors = [], rows = [], columns = [];
        foreach (ShelfScene scene in scenes)
        {
            for (int patch = 0; patch < Patches; patch++)
            {
                int place = PlaceOf(patch);
                kinds.Add(_tokenizer.Word(scene.Kind(place) < 0 ? "nothing" : ShelfWords.Kinds[scene.Kind(place)]));
                colors.Add(_tokenizer.Word(scene.Color(place) < 0 ? "nothing" : ShelfWords.Colors[scene.Color(place)]));
                rows.Add(_tokenizer.Word(ShelfWords.Rows[place / ShelfWords.Side]));
                columns.Add(_tokenizer.Word(ShelfWords.Columns[place % ShelfWords.Side]));
            }
        }

        Tensor Words(List<long> ids) => _parameters.Embeddings.index_select(0, tensor(ids.ToArray()));
        Tensor sum = Words(kinds).add(Words(colors)).add(Words(rows)).add(Words(columns));
        Tensor noise = randn(sum.shape, generator: _noise).mul(WordNoise * ShelfParameters.EmbeddingLength);
        return sum.add(noise).to_type(Compute).view(scenes.Length, Patches, Width);
    }

    private (Tensor Loss, double Accuracy) Classify(Tensor patches, Tensor words, List<long> targets)
    {
        Tensor embedded = _parameters.Embeddings.detach().index_select(0, words);
        Tensor logits = patches.matmul(embedded.t()).mul(Sharpness / (ShelfParameters.EmbeddingLength * ShelfParameters.EmbeddingLength));
        Tensor target = tensor(targets.ToArray());
        double accuracy = logits.argmax(1).eq(target).to_type(ScalarType.Float32).mean().item<float>();
        return (nn.functional.cross_entropy(logits, target), accuracy);
    }

    private Tensor Ids(IEnumerable<string> words) => tensor(words.Select(word => (long)_tokenizer.Word(word)).ToArray());
}
