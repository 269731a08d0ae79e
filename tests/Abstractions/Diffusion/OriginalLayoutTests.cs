using Aperture.Decoding;
using Aperture.Diffusion;
using Aperture.Text;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Abstractions.Tests.Diffusion;

/// <summary>Stable Diffusion's single file and its folders are one model under two sets of names.</summary>
[Collection("tensors")]
public sealed class OriginalLayoutTests
{
    private static readonly WeightPolicy _policy = new(CPU, ScalarType.Float32, ScalarType.Float32);

    private static readonly UNetConfig _unet = new()
    {
        Channels = [32, 64, 64],
        DownAttention = [true, true, false],
        UpAttention = [false, true, true],
        Heads = [8, 8, 8],
        BlocksPerLevel = 2,
        TextWidth = 64,
    };

    private static readonly AutoencoderConfig _pictures = new() { Channels = [32, 32, 64], BlocksPerLevel = 2 };

    private static readonly ClipTextConfig _text = new() { Vocabulary = 30, HiddenSize = 64, IntermediateSize = 32, Layers = 2, Heads = 1, Positions = 10 };

    [Fact]
    public void The_single_file_gives_the_sizes_and_every_tensor_of_the_folders()
    {
        using DisposeScope scope = NewDisposeScope();
        using UNet unet = UNet.Fresh(_unet, _policy, 1);
        using Autoencoder pictures = Autoencoder.Fresh(_pictures, _policy, 2);
        Dictionary<string, Tensor> file = [];
        foreach ((string name, Tensor tensor) in unet.Tensors)
        {
            file.Add("model.diffusion_model." + OriginalNames.UNet(name, blocks: 2), tensor);
        }

        foreach ((string name, Tensor tensor) in pictures.Tensors)
        {
            // The original's attention is a convolution of one pixel.
            bool pixel = name.Contains(".attentions.", StringComparison.Ordinal) && tensor.dim() == 2;
            file.Add("first_stage_model." + OriginalNames.Pictures(name, levels: 3), pixel ? tensor.view(tensor.size(0), tensor.size(1), 1, 1) : tensor);
        }

        using ClipTextEncoder text = ClipTextEncoder.Fresh(_text, _policy, (_, shape) => rand(shape));
        foreach ((string name, Tensor tensor) in text.Tensors)
        {
            file.Add("cond_stage_model.transformer." + name, tensor);
        }

        using TensorWeights source = new(file.ToDictionary(pair => pair.Key, pair => pair.Value.alias()));
        (IWeightSource unetWeights, UNetConfig unetConfig) = OriginalLayout.UNet(source);
        (IWeightSource pictureWeights, AutoencoderConfig pictureConfig) = OriginalLayout.Autoencoder(source);
        (IWeightSource textWeights, ClipTextConfig textConfig) = OriginalLayout.Text(source);

        Assert.True(OriginalLayout.Is(source));
        Assert.Equal((_unet.Channels, _unet.DownAttention, _unet.UpAttention), (unetConfig.Channels, unetConfig.DownAttention, unetConfig.UpAttention), Same);
        Assert.Equal((2, 64, 4, 4), (unetConfig.BlocksPerLevel, unetConfig.TextWidth, unetConfig.Inputs, unetConfig.Outputs));
        Assert.Equal(_pictures.Channels, pictureConfig.Channels);
        Assert.Equal((2, 4), (pictureConfig.BlocksPerLevel, pictureConfig.LatentChannels));
        Assert.Equal(_text, textConfig);
        Assert.Equal(unet.Tensors.Keys.Order(StringComparer.Ordinal), unetWeights.Names.Order(StringComparer.Ordinal));
        Assert.Equal(pictures.Tensors.Keys.Order(StringComparer.Ordinal), pictureWeights.Names.Order(StringComparer.Ordinal));
        Assert.Equal(text.Tensors.Keys.Order(StringComparer.Ordinal), textWeights.Names.Order(StringComparer.Ordinal));
        using Autoencoder opened = Autoencoder.Load(pictureWeights, pictureConfig, _policy);
        using UNet same = UNet.Load(unetWeights, unetConfig, _policy);
        Tensor latent = randn(1, 4, 4, 4), words = randn(1, 3, 64);
        Assert.True(pictures.Decode(latent).Equals(opened.Decode(latent)));
        Assert.True(unet.Run(latent, 5, words).Equals(same.Run(latent, 5, words)));
    }

    [Fact]
    public void A_file_without_a_text_encoder_is_one_line()
    {
        using TensorWeights source = new(new Dictionary<string, Tensor> { ["cond_stage_model.model.ln_final.weight"] = ones(2) });
        Assert.False(OriginalLayout.Is(source));
        Assert.Contains("no text encoder under cond_stage_model.transformer.", Assert.Throws<ApertureException>(() => OriginalLayout.Text(source)).Message);
    }

    private static bool Same(
        (IReadOnlyList<int> Channels, IReadOnlyList<bool> Down, IReadOnlyList<bool> Up) a,
        (IReadOnlyList<int> Channels, IReadOnlyList<bool> Down, IReadOnlyList<bool> Up) b)
        => a.Channels.SequenceEqual(b.Channels) && a.Down.SequenceEqual(b.Down) && a.Up.SequenceEqual(b.Up);
}
