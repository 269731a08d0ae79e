using Aperture.Images;
using Aperture.Plugins.Eas.Lavin;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Images;

/// <summary>
/// METER's and LaVIN's transforms on files of every mode. An output's name is out.&lt;transform&gt;.&lt;file&gt;; InternVL's tiles are not compared.
/// </summary>
public sealed class OtherProcessorsRunner : IGoldenRunner
{
    public string Area => "images";

    public string Kind => "internvl_meter_lavin_processors";

    public void Run(GoldenCase golden)
    {
        int size = golden.Config.GetProperty("tile").GetInt32();
        TorchvisionProcessorConfig clip = new() { Size = size };
        TorchvisionProcessorConfig imageNet = clip with
        {
            Mean = TorchvisionProcessorConfig.ImageNetMean,
            Deviation = TorchvisionProcessorConfig.ImageNetDeviation,
        };
        Dictionary<string, TorchvisionProcessor> transforms = new()
        {
            ["meter_clip"] = new(clip),
            ["meter_imagenet"] = new(imageNet),
            ["lavin"] = new(LavinFamily.Preprocessing(size)),
        };
        string folder = golden.Config.GetProperty("pictures").GetString()!;
        foreach (string name in golden.Names.Where(name => name.StartsWith("out.", StringComparison.Ordinal)))
        {
            string[] parts = name.Split('.', 3);
            if (!transforms.TryGetValue(parts[1], out TorchvisionProcessor? transform))
            {
                golden.NotCompared(name, "InternVL's tiling belongs to no model that is here");
                continue;
            }

            using Tensor pixels = transform.Process(Image.Load(golden.FileBeside(Path.Combine(folder, parts[2]))).ConvertToRgb());
            golden.Compare(name, pixels);
        }
    }
}
