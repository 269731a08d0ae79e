using System.Text.Json;
using Aperture.Decoding;
using Aperture.Plugins.DtNet.Data;
using Aperture.Plugins.DtNet.Model;
using Aperture.Plugins.DtNet.Training;
using Aperture.Tasks;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet;

/// <summary>Opens and trains DTNet checkpoints.</summary>
internal sealed class DtNetFactory : ITaskFactory<ICaptioner>, ITrainedTask
{
    public const string CaptionerName = "dtnet";

    private static readonly string[] _vocabularies = ["vocabulary.json", "vocab_transformer_grid.pkl", "vocab.pkl", "vocabulary.txt"];

    public string Name => CaptionerName;

    public string Summary => "DTNet (arXiv 2406.00334): captions whose encoder weighs cells of several kinds picture by picture.";

    public string Checkpoints => "Files of DTNet's training script (.pth), or the same tensors in another weights file.";

    public IReadOnlyList<MethodOption> Options => MethodOptions.Describe(DtNetJson.Default.DtNetOptions);

    public IReadOnlyList<MethodOption> TrainingOptions => CaptionTrainingOptions.Describe();

    public bool Recognises(ITaskCheckpoint checkpoint) => checkpoint.Weights is { } weights && CaptionConfig.IsOne(weights);

    public ICaptioner Open(string checkpoint, JsonElement options, Device device, IMethodFiles files)
    {
        DtNetOptions bound = MethodOptions.Bind(CaptionerName, options, DtNetJson.Default.DtNetOptions);
        List<IDisposable> owned = [];
        try
        {
            ScalarType type = bound.Precision switch
            {
                "bfloat16" => ScalarType.BFloat16,
                "float16" => ScalarType.Float16,
                _ => ScalarType.Float32,
            };
            WeightPolicy policy = WeightPolicy.InFormat(CaptionerName, bound.Format, device, type, owned);
            Vocabulary? vocabulary = null;
            List<CaptionModel> models = [];
            foreach (string path in bound.Ensemble.Select(files.Resolve).Prepend(checkpoint))
            {
                IWeightSource source = OpenWeights(path);
                owned.Add(source);
                CaptionConfig config = CaptionConfig.Read(source);
                vocabulary ??= FindVocabulary(bound.Vocabulary, files);
                CheckVocabulary(vocabulary, config, source);
                CheckTogether(models, config, path);
                models.Add(CaptionModel.Load(source, config with { Special = vocabulary.Specials }, policy));
                owned.Add(models[^1]);
            }

            FeatureFile? features = bound.Features is { } file ? FeatureFile.Open(files.Resolve(file), bound.FeatureKey) : null;
            owned.AddRange(features is null ? [] : [features]);
            PictureTower? tower = bound.Tower is { } folder ? PictureTower.Open(files.Resolve(folder), device, policy) : null;
            owned.AddRange(tower is null ? [] : [tower]);
            policy.TellWhereNothingGains(CaptionerName, files.Tell);
            return new DtNetCaptioner(models, vocabulary!, features, tower, bound, owned);
        }
        catch
        {
            owned.AsEnumerable().Reverse().ToList().ForEach(part => part.Dispose());
            throw;
        }
    }

    public ITaskTraining BeginTraining(
        string checkpoint, IReadOnlyList<TaskSample> samples, JsonElement options, Device device, IMethodFiles files, string outputFolder)
    {
        CaptionTrainingOptions bound = MethodOptions.Bind(CaptionerName, options, DtNetJson.Default.CaptionTrainingOptions);
        return CaptionTraining.Begin(checkpoint, samples, bound, device, files, outputFolder);
    }

    /// <summary>Opens a checkpoint: what the training script saved, in the zip or the older stream format, or another weights file.</summary>
    internal static IWeightSource OpenWeights(string path) => WeightFiles.Open(path, new WeightFileOptions { Lenient = true });

    /// <summary>The vocabulary that options name, or that lies beside the checkpoint.</summary>
    internal static Vocabulary FindVocabulary(string? name, IMethodFiles files)
    {
        if (name is not null)
        {
            return Vocabulary.Read(files.Resolve(name));
        }

        string? beside = files.ModelFolder is { } folder ? _vocabularies.Select(file => Path.Combine(folder, file)).FirstOrDefault(File.Exists) : null;
        return beside is not null
            ? Vocabulary.Read(beside)
            : throw new ApertureException(
                $"{CaptionerName}: there is no vocabulary beside the checkpoint ({string.Join(", ", _vocabularies)}); give the file it was trained with as "
                + "Vocabulary.");
    }

    /// <summary>Refuses a vocabulary of another size, or another one than the checkpoint says it was trained with.</summary>
    internal static void CheckVocabulary(Vocabulary vocabulary, CaptionConfig config, IWeightSource source)
    {
        if (vocabulary.Words.Count != config.Vocabulary)
        {
            throw new ApertureException(
                $"{CaptionerName}: the vocabulary has {vocabulary.Words.Count} words, but the checkpoint knows {config.Vocabulary}; give the file that it was "
                + "trained with.");
        }

        if (source is SafetensorsFile file && file.Metadata.TryGetValue(CaptionExport.HashKey, out string? hash) && hash != vocabulary.Hash)
        {
            throw new ApertureException(
                $"{CaptionerName}: the checkpoint was trained with another vocabulary of {config.Vocabulary} words (the order differs); give that file, or "
                + "words "
                + "are swapped.");
        }
    }

    private static void CheckTogether(List<CaptionModel> models, CaptionConfig config, string path)
    {
        if (models.Count > 0
            && (models[0].Config.Vocabulary, models[0].Config.Features, models[0].Config.Grid) != (config.Vocabulary, config.Features, config.Grid))
        {
            throw new ApertureException(
                $"{CaptionerName}: '{path}' cannot caption together with the first checkpoint: {config.Vocabulary} words and {config.Features} channels of "
                + $"features beside {models[0].Config.Vocabulary} and {models[0].Config.Features}; an ensemble shares both.");
        }
    }
}
