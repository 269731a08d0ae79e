using Aperture.Images;
using Aperture.Plugins.LlavaHr;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Images;

/// <summary>Both pictures that LLaVA-HR sees of files of every mode: the small one is made from the large one's pixels.</summary>
public sealed class LlavaHrProcessorRunner : IGoldenRunner
{
    public string Area => "images";

    public string Kind => "llava_hr_two_resolutions";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        int slow = golden.Config.GetProperty("slow").GetInt32(), fast = golden.Config.GetProperty("fast").GetInt32();
        ClipImageProcessor processor = HighResolutionEncoder.ProcessorOf(ImageAspect.Pad, slow);
        foreach (string name in golden.Names.Where(name => name.StartsWith("out.slow.", StringComparison.Ordinal)).ToList())
        {
            string file = name["out.slow.".Length..];
            Tensor pixels = processor.Process(Image.Load(golden.FileBeside(Path.Combine("files", file))));
            golden.Compare(name, pixels);
            golden.Compare("out.fast." + file, FeatureMaps.ResizeBilinear(pixels.unsqueeze(0), fast, fast)[0]);
        }
    }
}
