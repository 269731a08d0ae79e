// A picture through a small autoencoder of published weights (https://github.com/madebyollin/taesd, MIT) and back: taesd, taesd3, taef1 or taef2.
//
//     aperture run scripts/taesd.csx -- taef2_encoder.pth taef2_decoder.pth photo.jpg round-trip.png
//
// Prints how near the picture comes back, and how long each half takes.
using System.Diagnostics;
using Aperture.Decoding;
using Aperture.Diffusion;
using Aperture.Weights;

if (Args.Count != 4)
{
    throw new ApertureException("usage: taesd.csx -- ENCODER DECODER PICTURE OUTPUT.png");
}

using var quiet = torch.inference_mode();
using var scope = torch.NewDisposeScope();
using var encoder = WeightFiles.Open(Args[0]);
using var decoder = WeightFiles.Open(Args[1]);
using var small = TinyAutoencoder.Load(encoder, decoder, WeightPolicy.For(torch.CPU, torch.ScalarType.Float32, torch.ScalarType.Float32));

var picture = Images.Load(Args[2]).ConvertToRgb();
picture = picture.Crop(0, 0, picture.Width / small.Stride * small.Stride, picture.Height / small.Stride * small.Stride);
var pixels = picture.ToTensor().permute(2, 0, 1).unsqueeze(0).to(torch.ScalarType.Float32).div(255); // [H, W, 3] -> [1, 3, H, W]
var clock = Stopwatch.StartNew();
var latents = small.Encode(pixels);
double encoding = clock.Elapsed.TotalMilliseconds;
clock.Restart();
var back = small.Decode(latents);
double decoding = clock.Elapsed.TotalMilliseconds;

var difference = back.sub(pixels);
double error = difference.square().mean().item<float>();
Print($"{picture.Width}x{picture.Height} pixels -> latents [{string.Join(", ", latents.shape)}], deviation {latents.std().item<float>():0.00}; back with PSNR "
    + $"{-10 * Math.Log10(error):0.0} dB, mean error {255 * difference.abs().mean().item<float>():0.0} of 255; encoder {encoding:0} ms, decoder {decoding:0} ms");
var bytes = back[0].permute(1, 2, 0).mul(255).round().to(torch.ScalarType.Byte).contiguous(); // [3, H, W] -> [H, W, 3]
Image.FromRgb(bytes.data<byte>().ToArray(), picture.Width, picture.Height).SavePng(Args[3]);
